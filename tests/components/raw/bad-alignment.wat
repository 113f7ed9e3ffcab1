;; The answer lies where no answer may.
(func $attack (result i32)
  i32.const 257)
