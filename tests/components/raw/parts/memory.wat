(memory (export "memory") 4)
