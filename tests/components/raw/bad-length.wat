;; The answer's text has 4 GiB less one byte.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\02\00\00\ff\ff\ff\ff")
(func $attack (result i32)
  i32.const 1024)
