/** A plain inflater that shows what it reads: an encoder can't be its own oracle. RFC 1951, one bit at a time. */

/** What the blocks of a payload hold. */
export interface InflatedTokens {
  readonly plaintext: Buffer;
  /** Types of the blocks: 0 stored, 1 fixed codes, 2 dynamic codes. */
  readonly blocks: readonly number[];
  readonly matches: ReadonlyArray<{ readonly length: number; readonly distance: number }>;
}

const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Canonical codes as text, "0101" to symbol. */
type Codes = ReadonlyMap<string, number>;

function codesOf(lengths: readonly number[]): Codes {
  const codes = new Map<string, number>();
  let code = 0;
  for (let bits = 1; bits <= 15; bits++, code <<= 1) {
    for (const [symbol, length] of lengths.entries()) {
      if (length === bits) codes.set((code++).toString(2).padStart(bits, "0"), symbol);
    }
  }
  return codes;
}

const FIXED_LENGTHS = Array.from({ length: 288 }, (_, symbol) =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);
const FIXED = { literals: codesOf(FIXED_LENGTHS), distances: codesOf(Array(32).fill(5)) };

class Bits {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length * 8;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new Error("the data ends inside a block");
    return (byte >> (this.#at++ & 7)) & 1;
  }

  number(bits: number): number {
    let value = 0;
    for (let bit = 0; bit < bits; bit++) value |= this.bit() << bit;
    return value;
  }

  symbol(codes: Codes): number {
    let code = "";
    for (;;) {
      code += String(this.bit());
      const symbol = codes.get(code);
      if (symbol !== undefined) return symbol;
      if (code.length > 15) throw new Error(`no symbol has the code ${code}`);
    }
  }

  alignToByte(): void {
    this.#at = (this.#at + 7) & ~7;
  }
}

function readDynamicCodes(bits: Bits): { literals: Codes; distances: Codes } {
  const literals = bits.number(5) + 257;
  const distances = bits.number(5) + 1;
  const codeLengths = bits.number(4) + 4;
  const lengths = Array<number>(19).fill(0);
  for (const symbol of LENGTH_ORDER.slice(0, codeLengths)) lengths[symbol] = bits.number(3);
  const codes = codesOf(lengths);
  const all: number[] = [];
  while (all.length < literals + distances) {
    const symbol = bits.symbol(codes);
    if (symbol < 16) all.push(symbol);
    else if (symbol === 16) all.push(...Array(3 + bits.number(2)).fill(all.at(-1)));
    else if (symbol === 17) all.push(...Array(3 + bits.number(3)).fill(0));
    else all.push(...Array(11 + bits.number(7)).fill(0));
  }
  return { literals: codesOf(all.slice(0, literals)), distances: codesOf(all.slice(literals)) };
}

function matchLength(bits: Bits, symbol: number): number {
  if (symbol === 285) return 258;
  const extra = symbol < 265 ? 0 : (symbol - 261) >> 2;
  let base = 3;
  for (let lower = 257; lower < symbol; lower++)
    base += 1 << (lower < 265 ? 0 : (lower - 261) >> 2);
  return base + bits.number(extra);
}

function matchDistance(bits: Bits, symbol: number): number {
  const extraOf = (s: number): number => (s < 4 ? 0 : (s >> 1) - 1);
  let base = 1;
  for (let lower = 0; lower < symbol; lower++) base += 1 << extraOf(lower);
  return base + bits.number(extraOf(symbol));
}

/** Inflates blocks up to their end. The first that is final must be the last one. */
export function inflateTokens(
  bytes: Uint8Array,
  dictionary: Uint8Array = new Uint8Array(0),
): InflatedTokens {
  const bits = new Bits(bytes);
  const out = [...dictionary];
  const blocks: number[] = [];
  const matches: { length: number; distance: number }[] = [];
  while (!bits.atEnd) {
    const isFinal = bits.bit() === 1;
    const type = bits.number(2);
    blocks.push(type);
    if (type === 0) {
      bits.alignToByte();
      const length = bits.number(16);
      if ((length ^ bits.number(16)) !== 0xffff) throw new Error("a stored length is wrong");
      for (let i = 0; i < length; i++) out.push(bits.number(8));
    } else {
      const { literals, distances } = type === 1 ? FIXED : readDynamicCodes(bits);
      for (let symbol = bits.symbol(literals); symbol !== 256; symbol = bits.symbol(literals)) {
        if (symbol < 256) {
          out.push(symbol);
          continue;
        }
        const length = matchLength(bits, symbol);
        const distance = matchDistance(bits, bits.symbol(distances));
        if (distance > out.length)
          throw new Error(`a match ${distance} bytes back of ${out.length}`);
        matches.push({ length, distance });
        for (let i = 0; i < length; i++) out.push(out.at(-distance) ?? 0);
      }
    }
    if (isFinal && !bits.atEnd) throw new Error("bytes stand behind the final block");
  }
  return { plaintext: Buffer.from(out.slice(dictionary.length)), blocks, matches };
}
