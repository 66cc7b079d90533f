;; Unmasks a payload in place (RFC 6455 §5.3), 64 bytes a turn, and tells on the way whether it is ASCII, and so valid
;; UTF-8. `npm run build:wasm` makes src/framing/mask-kernel.ts of it; a test compares the two.
(module
  ;; One size for ever: sockets read into this memory, so it must never move.
  (memory (export "memory") 4 4)
  ;; key: the four key bytes as they follow one another in memory, beginning with the one for `at`.
  ;; Gives 0 when no unmasked byte has its top bit set.
  (func (export "mask") (param $at i32) (param $end i32) (param $key i32) (result i32)
    (local $keys v128)
    (local $seen v128)
    (local $bytes v128)
    (local $tail i32)
    (local.set $keys (i32x4.splat (local.get $key)))
    (block $below64
      (loop $by64
        (br_if $below64 (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64)))
        (v128.store (local.get $at)
          (local.tee $bytes (v128.xor (v128.load (local.get $at)) (local.get $keys))))
        (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
        (v128.store offset=16 (local.get $at)
          (local.tee $bytes (v128.xor (v128.load offset=16 (local.get $at)) (local.get $keys))))
        (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
        (v128.store offset=32 (local.get $at)
          (local.tee $bytes (v128.xor (v128.load offset=32 (local.get $at)) (local.get $keys))))
        (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
        (v128.store offset=48 (local.get $at)
          (local.tee $bytes (v128.xor (v128.load offset=48 (local.get $at)) (local.get $keys))))
        (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $by64)))
    (block $below16
      (loop $by16
        (br_if $below16 (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))
        (v128.store (local.get $at)
          (local.tee $bytes (v128.xor (v128.load (local.get $at)) (local.get $keys))))
        (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $by16)))
    (block $done
      (loop $bytewise
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store8 (local.get $at)
          (i32.xor (i32.load8_u (local.get $at)) (local.get $key)))
        (local.set $tail (i32.or (local.get $tail) (i32.load8_u (local.get $at))))
        (local.set $key (i32.rotr (local.get $key) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytewise)))
    (i32.or (i8x16.bitmask (local.get $seen)) (i32.and (local.get $tail) (i32.const 0x80)))))
