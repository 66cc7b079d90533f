/** The close frame's payload and which codes may travel (RFC 6455 §5.5.1, §7.4). */
import { hex, toHex } from "@longwire/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CloseCode, closeCodeName, isSendableCloseCode } from "../../src/close-code.ts";
import {
  MAX_CLOSE_REASON_BYTES,
  parseClosePayload,
  serializeClosePayload,
  truncateCloseReason,
} from "../../src/framing/close-payload.ts";

/** Every code that may stand in a close frame: RFC 6455 §7.4, and 1012-1014 of the IANA registry. */
function mayTravel(code: number): boolean {
  const defined = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  return defined.includes(code) || (code >= 3000 && code <= 4999);
}

/** What is wrong with a received close frame that has this code and no reason. */
function faultOf(code: number): unknown {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  try {
    return parseClosePayload(payload).code === code ? undefined : "another code";
  } catch (error) {
    return error;
  }
}

describe("RFC 6455 §7.4 close codes", () => {
  it("endpoint receives exactly the codes that may be sent, of all 65,536", () => {
    const wrong: number[] = [];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // 63,000 stacks would take most of the time
    for (let code = 0; code <= 65_535; code++) {
      if ((faultOf(code) === undefined) !== mayTravel(code)) wrong.push(code);
    }
    Error.stackTraceLimit = stackTraceLimit;
    expect(wrong).toEqual([]);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65_535])(
    "endpoint fails the connection with 1002 on a received %i",
    (code) => {
      expect(faultOf(code)).toMatchObject({ code: "WS_CLOSE_CODE_INVALID", closeCode: 1002 });
    },
  );

  it("endpoint sends exactly the same codes", () => {
    const wrong: number[] = [];
    for (let code = 0; code <= 65_536; code++) {
      if (isSendableCloseCode(code) !== mayTravel(code)) wrong.push(code);
      else if (mayTravel(code) && serializeClosePayload(code, "").readUInt16BE(0) !== code)
        wrong.push(code);
    }
    expect(wrong).toEqual([]);
    for (const code of [0, 999, 1004, 1006, 1015, 2999, 5000, 65_536]) {
      expect(() => serializeClosePayload(code, "")).toThrow(RangeError);
    }
  });

  it.each([-1, 1000.5, Number.NaN, Infinity, 1000 + 65_536])("refuses to send %d", (code) => {
    expect(() => serializeClosePayload(code, "")).toThrow(
      new RangeError(`close code must be 1000-1003, 1007-1014 or 3000-4999, got ${code}`),
    );
  });

  it("has a name for every code in the table and for no other", () => {
    for (const code of Object.values(CloseCode)) expect(closeCodeName(code)).toMatch(/\w/u);
    expect(closeCodeName(1004)).toBeUndefined();
    expect(closeCodeName(4000)).toBeUndefined();
  });
});

describe("RFC 6455 §5.5.1 payload of a received close frame", () => {
  it("is 1005 when it is empty", () => {
    expect(parseClosePayload(Buffer.alloc(0))).toEqual({ code: 1005, reason: "" });
  });

  it.each(["00", "03", "ff"])("is a violation when it is one byte (%s)", (byte) => {
    expect(() => parseClosePayload(hex(byte))).toThrow(
      expect.objectContaining({ code: "WS_CLOSE_PAYLOAD_INVALID", closeCode: 1002 }),
    );
  });

  it("is a code and a reason", () => {
    expect(parseClosePayload(hex("0fa0 676f6f64 20 f09f918b"))).toEqual({
      code: 4000,
      reason: "good 👋",
    });
  });

  it.each(["ff", "c3", "eda080", "f4908080", "41 c328"])(
    "is a violation when the reason is not UTF-8 (%s)",
    (reason) => {
      expect(() => parseClosePayload(hex(`03e8 ${reason}`))).toThrow(
        expect.objectContaining({ code: "WS_UTF8_INVALID", closeCode: 1007 }),
      );
    },
  );
});

describe("payload of a close frame that is sent", () => {
  it("is empty for 1005, which can't have a reason", () => {
    expect(serializeClosePayload(1005, "").length).toBe(0);
    expect(() => serializeClosePayload(1005, "why")).toThrow(RangeError);
  });

  it("holds code and reason", () => {
    expect(toHex(serializeClosePayload(1001, "né"))).toBe("03 e9 6e c3 a9");
  });

  it("takes a reason of 123 bytes and none longer, counted in UTF-8", () => {
    expect(MAX_CLOSE_REASON_BYTES).toBe(123);
    expect(serializeClosePayload(1000, "x".repeat(123)).length).toBe(125);
    expect(() => serializeClosePayload(1000, "x".repeat(124))).toThrow(
      new RangeError("close reason must be at most 123 bytes of UTF-8, got 124"),
    );
    expect(() => serializeClosePayload(1000, "é".repeat(62))).toThrow(RangeError);
    expect(serializeClosePayload(1000, "é".repeat(61)).length).toBe(124);
  });

  it("makes valid UTF-8 of a lone surrogate", () => {
    expect(parseClosePayload(serializeClosePayload(1000, "a\ud800b")).reason).toBe("a\ufffdb");
  });

  it.each([1, null, undefined, new Float64Array(8), Buffer.from("x"), { length: 5 }])(
    "refuses a reason that is not a string: %o",
    (reason) => {
      // JavaScript callers can give anything, and a typed array's length is not its bytes.
      expect(() => serializeClosePayload(1000, reason as string)).toThrow(TypeError);
    },
  );

  it("survives the way there and back", () => {
    const code = fc.oneof(
      fc.integer({ min: 1007, max: 1014 }),
      fc.integer({ min: 3000, max: 4999 }),
    );
    fc.assert(
      fc.property(code, fc.string({ unit: "grapheme", maxLength: 25 }), (sent, reason) => {
        fc.pre(Buffer.byteLength(reason) <= MAX_CLOSE_REASON_BYTES);
        expect(parseClosePayload(serializeClosePayload(sent, reason))).toEqual({
          code: sent,
          reason,
        });
      }),
    );
  });
});

describe("a reason that is cut", () => {
  it("stays as it is when it fits", () => {
    expect(truncateCloseReason("short")).toBe("short");
    expect(truncateCloseReason("x".repeat(123))).toBe("x".repeat(123));
  });

  it.each(["x", "é", "€", "👋"])("ends with a whole %s", (character) => {
    for (let before = 0; before < 5; before++) {
      const cut = truncateCloseReason("-".repeat(before) + character.repeat(150));
      const size = Buffer.byteLength(cut);
      expect(size).toBeLessThanOrEqual(123);
      expect(size).toBeGreaterThan(123 - Buffer.byteLength(character));
      expect(cut).not.toContain("\ufffd");
    }
  });
});
