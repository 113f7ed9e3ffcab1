;; `open` answers with a million arguments that say nothing.
(memory (export "memory") 300)
;; ok(some(1,000,000 args)), all of them zeros
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\00\04\00\40\42\0f\00")
(func $attack_open (result i32)
  i32.const 1024)
