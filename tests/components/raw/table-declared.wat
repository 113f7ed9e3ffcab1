;; Begins with a table that is too large.
(table $bomb 900000 funcref)
