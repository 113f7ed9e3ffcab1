;; Room for arguments, which each call forgets.
(global $top (mut i32) (i32.const 8192))
(func $bump (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at
    (i32.and
      (i32.sub (i32.add (global.get $top) (local.get $align)) (i32.const 1))
      (i32.sub (i32.const 0) (local.get $align))))
  (global.set $top (i32.add (local.get $at) (local.get $size)))
  local.get $at)
