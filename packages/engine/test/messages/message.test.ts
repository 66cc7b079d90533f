/** What a reader gets: payload, text and JSON. */
import { describe, expect, it, vi } from "vitest";
import { ValidationError, WebSocketError } from "../../src/errors.ts";
import { Message, MessageType } from "../../src/messages/message.ts";

function textMessage(text: string): Message {
  return new Message(MessageType.text, Buffer.from(text));
}

describe("MessageType", () => {
  it("has the values of the opcodes, RFC 6455 §5.2", () => {
    expect(MessageType).toEqual({ text: 1, binary: 2, close: 8, ping: 9, pong: 10 });
  });
});

describe("Message", () => {
  it("decodes its text when it is asked for, and once", () => {
    const data = Buffer.from("héllo 👋");
    const message = new Message(1, data);
    data[0] = 0x48; // H
    expect(message.text()).toBe("Héllo 👋");
    data[0] = 0x4a;
    expect(message.text()).toBe("Héllo 👋");
  });

  it("keeps a byte order mark: it is part of the text", () => {
    expect(textMessage("\ufeffa").text()).toBe("\ufeffa");
  });

  it("knows how many messages before it were dropped", () => {
    expect(new Message(MessageType.binary, Buffer.alloc(0)).dropped).toBe(0);
    expect(new Message(MessageType.binary, Buffer.alloc(0), 3).dropped).toBe(3);
  });

  it.each(["null", "0", '"text"', "[1,2]", '{"a":{"b":[true]}}', " 1 "])("parses %s", (json) => {
    expect(textMessage(json).json()).toEqual(JSON.parse(json));
  });

  it("parses JSON of a binary message too", () => {
    expect(new Message(MessageType.binary, Buffer.from('{"a":1}')).json()).toEqual({ a: 1 });
  });

  it.each(["", "{", "undefined", "{'a':1}", "1 2", "\ufeff1"])(
    "refuses %j with a code and the parser's reason",
    (json) => {
      const error = catchError(() => textMessage(json).json());
      expect(error).toBeInstanceOf(WebSocketError);
      expect(error).toMatchObject({ code: "WS_JSON_INVALID", cause: expect.any(SyntaxError) });
    },
  );

  it("makes no prototype of a key named __proto__", () => {
    const value = textMessage('{"__proto__":{"admin":true},"constructor":1}').json() as object;
    expect("admin" in value).toBe(false);
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it("gives what its check makes of the value, and lets its error through", () => {
    const check = vi.fn<(value: unknown) => object>((value) => ({ checked: value }));
    const message = new Message(MessageType.text, Buffer.from("[1]"), 0, check);
    expect(message.json()).toEqual({ checked: [1] });
    const invalid = new ValidationError([{ message: "too small", path: ["a", 0] }]);
    const strict = new Message(MessageType.text, Buffer.from("1"), 0, () => {
      throw invalid;
    });
    expect(catchError(() => strict.json())).toBe(invalid);
    const broken = new Message(MessageType.text, Buffer.from("{"), 0, check);
    expect(() => broken.json()).toThrow(expect.objectContaining({ code: "WS_JSON_INVALID" }));
    expect(check).toHaveBeenCalledTimes(1);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}
