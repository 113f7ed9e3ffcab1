;; The answer's text begins beyond the memory.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\00\ff\7f\10\00\00\00")
(func $attack (result i32)
  i32.const 1024)
