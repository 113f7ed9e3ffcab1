;; Traps before anything is called.
(start $start)
(func $start
  unreachable)
