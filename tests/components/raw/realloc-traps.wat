;; Traps when the host wants room for what it passes.
(func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
  (if (i32.gt_u (local.get $size) (i32.const 1000)) (then unreachable))
  (call $bump (local.get $align) (local.get $size)))
