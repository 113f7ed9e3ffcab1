;; Never gets as far as to be called.
(start $start)
(func $start
  (loop $forever (br $forever)))
