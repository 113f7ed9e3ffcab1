;; Grows a table as long as the host lets it.
(table $bomb 1 funcref)
(func $attack (result i32)
  (loop $more
    (drop (table.grow $bomb (ref.null func) (i32.const 1000)))
    (br $more))
  unreachable)
