;; Describes itself with 100 hooks, each the same MiB.
(memory (export "memory") 64)
(data (i32.const 64) "1.0.0")
(data (i32.const 176) "\40\00\00\00\05\00\00\00\00\10\00\00\64\00\00\00\00\00\00\00\00\00\00\00")
(func $describe (export "hookcast:plugin/describe@VERSION#describe") (result i32)
  (local $at i32)
  (local.set $at (i32.const 4096))
  (loop $each
    (i32.store (local.get $at) (i32.const 1048576))
    (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 1048576))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $each (i32.lt_u (local.get $at) (i32.const 4896))))
  (memory.fill (i32.const 1048576) (i32.const 120) (i32.const 1048576))
  i32.const 176)
