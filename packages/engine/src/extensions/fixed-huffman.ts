/** The fixed codes of deflate, ready to be written: RFC 1951 §3.2.5 and §3.2.6. */

/** Shortest and longest match that a length code can name. */
export const MIN_MATCH_BYTES = 3;
export const MAX_MATCH_BYTES = 258;
/** Longest distance that a distance code can name. */
const MAX_DISTANCE = 32_768;

/** Bits that a number of {@link LENGTH_CODES} or {@link DISTANCE_CODES} carries; above them stands how many are used. */
export const CODE_BITS = 20;

/** "Huffman codes are packed starting with the most-significant bit of the code" RFC 1951 §3.1.1: reversed to our order. */
function reversed(code: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((code >>> bit) & 1) << (bits - 1 - bit);
  return result;
}

/** Code and number of bits of a literal or length symbol, §3.2.6. */
function symbolCode(symbol: number): { code: number; bits: number } {
  if (symbol < 144) return { code: reversed(0x30 + symbol, 8), bits: 8 };
  if (symbol < 256) return { code: reversed(0x190 + symbol - 144, 9), bits: 9 };
  if (symbol < 280) return { code: reversed(symbol - 256, 7), bits: 7 };
  return { code: reversed(0xc0 + symbol - 280, 8), bits: 8 };
}

/** Literals from here on take 9 bits, those below 8. */
export const FIRST_LONG_LITERAL = 144;

/** Code of each literal. */
export const LITERAL_CODES: Uint16Array = Uint16Array.from(
  { length: 256 },
  (_, literal) => symbolCode(literal).code,
);

/** Code and extra bits of each match length, by length; number of bits above {@link CODE_BITS}. */
export const LENGTH_CODES: Uint32Array = makeLengthCodes();

function makeLengthCodes(): Uint32Array {
  const codes = new Uint32Array(MAX_MATCH_BYTES + 1);
  let length = MIN_MATCH_BYTES;
  for (let symbol = 257; symbol < 285; symbol++) {
    const { code, bits } = symbolCode(symbol);
    const extraBits = symbol < 265 ? 0 : (symbol - 261) >> 2;
    for (let extra = 0; extra < 1 << extraBits; extra++) {
      codes[length++] = code | (extra << bits) | ((bits + extraBits) << CODE_BITS);
    }
  }
  const { code, bits } = symbolCode(285);
  codes[MAX_MATCH_BYTES] = code | (bits << CODE_BITS); // 258 has a symbol of its own
  return codes;
}

/** Code and extra bits of each distance, by distance; number of bits above {@link CODE_BITS}. */
export const DISTANCE_CODES: Uint32Array = makeDistanceCodes();

function makeDistanceCodes(): Uint32Array {
  const codes = new Uint32Array(MAX_DISTANCE + 1);
  let distance = 1;
  for (let symbol = 0; symbol < 30; symbol++) {
    const extraBits = symbol < 4 ? 0 : (symbol >> 1) - 1;
    for (let extra = 0; extra < 1 << extraBits; extra++) {
      codes[distance++] = reversed(symbol, 5) | (extra << 5) | ((5 + extraBits) << CODE_BITS);
    }
  }
  return codes;
}
