/** JSON messages as an order feed sends them: the same keys, ever other values. The same ones in every run. */

const WORDS =
  "river market signal paper window garden silver copper planet engine harbor candle meadow pocket winter summer bridge forest cotton thunder pepper ribbon saddle velvet walnut lantern marble orchid quartz tunnel violet anchor basket cobalt dragon ember falcon ginger hollow island".split(
    " ",
  );

/** Numbers that look random and are the same in every run: a linear congruential generator modulo 2^32. */
class Numbers {
  #state = 12_345;

  /** From 0 to below `end`. */
  below(end: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return (this.#state >>> 8) % end;
  }

  word(): string {
    return WORDS[this.below(WORDS.length)]!; // below the length
  }

  one<T>(...choices: [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}

function item(numbers: Numbers): object {
  return {
    sku: `${numbers.word().slice(0, 3).toUpperCase()}-${numbers.below(90_000) + 10_000}`,
    title: `${numbers.word()} ${numbers.word()}`,
    quantity: numbers.below(9) + 1,
    price: numbers.below(100_000) / 100,
    inStock: numbers.below(2) === 0,
  };
}

function message(numbers: Numbers, bytes: number): string {
  const order = {
    id: `evt_${numbers.below(1e9).toString(36)}${numbers.below(1e9).toString(36)}`,
    type: `order.${numbers.one("created", "updated", "shipped")}`,
    at: new Date(1.7e12 + numbers.below(1e9) * 100).toISOString(),
    user: {
      id: numbers.below(1e6),
      name: `${numbers.word()} ${numbers.word()}`,
      email: `${numbers.word()}.${numbers.word()}@example.com`,
      roles: [numbers.one("admin", "member"), numbers.one("sales", "support", "ops")],
    },
    items: [] as object[],
    note: "",
  };
  const length = (): number => JSON.stringify(order).length;
  while (length() < bytes - 160) order.items.push(item(numbers));
  while (length() < bytes) order.note += ` ${numbers.word()}`;
  order.note = order.note.slice(0, order.note.length - (length() - bytes));
  return JSON.stringify(order);
}

/** Makes `count` messages of exactly `bytes` bytes, at least 300. All of it is ASCII. */
export function jsonMessages(bytes: number, count: number): string[] {
  const numbers = new Numbers();
  return Array.from({ length: count }, () => message(numbers, bytes));
}
