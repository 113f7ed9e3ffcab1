;; `open` answers with an argument of 100 values, each the same MiB.
(memory (export "memory") 64)
;; ok(some(one arg)), and the arg: "open", 100 values
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\10\04\00\00\01\00\00\00")
(data (i32.const 1040) "\70\00\00\00\04\00\00\00\00\10\00\00\64\00\00\00")
(func $attack_open (result i32)
  (local $at i32)
  (local.set $at (i32.const 4096))
  (loop $each
    (i32.store (local.get $at) (i32.const 1048576))
    (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 1048576))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $each (i32.lt_u (local.get $at) (i32.const 4896))))
  (memory.fill (i32.const 1048576) (i32.const 120) (i32.const 1048576))
  i32.const 1024)
