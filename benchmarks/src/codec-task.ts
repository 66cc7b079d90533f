/** What `codec-run.ts` is to measure: one JSON argument. */

export interface CodecTask {
  readonly operation: "parse" | "serialize" | "mask" | "utf8";
  /** Of a payload. */
  readonly bytes: number;
  readonly library: "longwire" | "ws";
  /** Checkout with a built Longwire. */
  readonly longwire: string;
  readonly seconds: number;
}
