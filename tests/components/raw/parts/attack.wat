;; The attack is elsewhere.
(func $attack (result i32)
  call $calls)
