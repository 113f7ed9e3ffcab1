(func $attack_open (result i32)
  i32.const 320)
