(data (i32.const 64) "1.0.0")
(data (i32.const 80) "handlers")
(data (i32.const 96) "calls")
(data (i32.const 112) "open")
;; hooks: "handlers", "open"
(data (i32.const 128) "\50\00\00\00\08\00\00\00\70\00\00\00\04\00\00\00")
;; handlers: "calls", without a schema
(data (i32.const 144) "\60\00\00\00\05\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
;; the description: version, hooks, handlers
(data (i32.const 176) "\40\00\00\00\05\00\00\00\80\00\00\00\02\00\00\00\90\00\00\00\01\00\00\00")
(func $describe (export "hookcast:plugin/describe@VERSION#describe") (result i32)
  i32.const 176)
