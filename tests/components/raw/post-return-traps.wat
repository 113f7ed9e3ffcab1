;; Answers well, and traps when the host has taken the answer.
(global $armed (mut i32) (i32.const 0))
(func $attack (result i32)
  (global.set $armed (i32.const 1))
  call $calls)
(func $post_return (export "cabi_post_hookcast:plugin/handlers@VERSION#handle") (param i32)
  (if (global.get $armed) (then unreachable)))
