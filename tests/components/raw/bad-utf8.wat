;; Answers with text that is no UTF-8.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\05\00\00\04\00\00\00")
(data (i32.const 1280) "\22\ff\fe\22")
(func $attack (result i32)
  i32.const 1024)
