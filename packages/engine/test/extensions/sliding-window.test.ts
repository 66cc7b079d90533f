/** The window of one direction: the last bytes, however they came. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlidingWindow } from "../../src/extensions/sliding-window.ts";

describe("SlidingWindow", () => {
  it("has no dictionary before the first byte", () => {
    const window = new SlidingWindow(256);
    window.append(new Uint8Array(0));
    expect(window.dictionary).toBeUndefined();
  });

  it("holds the last bytes of all messages", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.uint8Array({ maxLength: 900 }), { minLength: 1, maxLength: 20 }),
        (size, messages) => {
          const window = new SlidingWindow(size);
          let all = Buffer.alloc(0);
          for (const message of messages) {
            window.append(message);
            all = Buffer.concat([all, message]);
            const expected = all.length === 0 ? undefined : all.subarray(-size);
            expect(window.dictionary).toEqual(expected);
          }
        },
      ),
    );
  });

  it("copies: the message may change afterwards", () => {
    const window = new SlidingWindow(256);
    const message = Buffer.from("abc");
    window.append(message);
    message.fill(0);
    expect(window.dictionary?.toString()).toBe("abc");
  });

  it("takes memory by what it has seen, and no more than its size", () => {
    const window = new SlidingWindow(32_768);
    window.append(Buffer.alloc(10));
    expect(window.dictionary?.buffer.byteLength).toBeLessThanOrEqual(256);
    window.append(Buffer.alloc(2048));
    expect(window.dictionary?.buffer.byteLength).toBeLessThanOrEqual(4096);
    window.append(Buffer.alloc(1_000_000));
    expect(window.dictionary?.buffer.byteLength).toBe(32_768);
  });
});
