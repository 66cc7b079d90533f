;; Unmasks a payload in place (RFC 6455 §5.3), 64 bytes a turn. `npm run build:wasm` makes src/framing/mask-kernel.ts
;; of it; a test compares the two.
(module
  ;; One size for ever: sockets read into this memory, so it must never move.
  (memory (export "memory") 4 4)
  ;; key: the four key bytes as they follow one another in memory, beginning with the one for `at`.
  (func (export "mask") (param $at i32) (param $end i32) (param $key i32)
    (local $keys v128)
    (local.set $keys (i32x4.splat (local.get $key)))
    (block $below64
      (loop $by64
        (br_if $below64 (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64)))
        (v128.store (local.get $at)
          (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (v128.store offset=16 (local.get $at)
          (v128.xor (v128.load offset=16 (local.get $at)) (local.get $keys)))
        (v128.store offset=32 (local.get $at)
          (v128.xor (v128.load offset=32 (local.get $at)) (local.get $keys)))
        (v128.store offset=48 (local.get $at)
          (v128.xor (v128.load offset=48 (local.get $at)) (local.get $keys)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $by64)))
    (block $below16
      (loop $by16
        (br_if $below16 (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))
        (v128.store (local.get $at)
          (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $by16)))
    (block $done
      (loop $bytewise
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store8 (local.get $at)
          (i32.xor (i32.load8_u (local.get $at)) (local.get $key)))
        (local.set $key (i32.rotr (local.get $key) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytewise)))))
