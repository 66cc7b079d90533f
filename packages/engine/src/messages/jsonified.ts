/** What is left of a value's type when the value has gone through JSON. */

/**
 * A Date is a string. What has no JSON form (undefined, functions, symbols) is left out of objects, where a property
 * that may be such becomes optional, and is null in arrays. A bigint is `never`: JSON.stringify throws.
 */
export type Jsonified<T> = unknown extends T
  ? unknown
  : T extends Json
    ? T // also brands, and what an endless recursion would follow: z.json()
    : T extends { toJSON(key: string): infer J }
      ? Plain<J>
      : Plain<T>;

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** `JSON.stringify` calls `toJSON` once: what that gives is taken as it is. */
type Plain<T> = T extends Json
  ? T
  : T extends Formless
    ? never
    : T extends ReadonlyArray<unknown>
      ? { [K in keyof T]: Jsonified<T[K]> | ([MaybeFormless<T[K]>] extends [never] ? never : null) }
      : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
        ? Record<string, never>
        : T extends object
          ? Flat<
              { [K in keyof T as KeyOf<K, T[K], "always">]: Jsonified<T[K]> } & {
                [K in keyof T as KeyOf<K, T[K], "sometimes">]?: Jsonified<T[K]>;
              }
            >
          : never;

type Formless = undefined | symbol | ((...args: never[]) => unknown);

/** What of `T` has no JSON form. */
type MaybeFormless<T> = unknown extends T ? never : Extract<T, Formless>;

/** The key of a property that is there always or sometimes; symbols and what is never there are left out. */
type KeyOf<K, T, When> = K extends symbol
  ? never
  : [MaybeFormless<T>] extends [never]
    ? When extends "always"
      ? K
      : never
    : [Exclude<T, Formless>] extends [never]
      ? never
      : When extends "sometimes"
        ? K
        : never;

/** One object type in place of an intersection. */
type Flat<T> = { [K in keyof T]: T[K] };
