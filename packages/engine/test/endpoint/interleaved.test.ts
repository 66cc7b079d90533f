/** Endpoints that parse and write in turn: what the process lends to one of them must not show in another. */
import { hex, rawFrame, readRawFrame } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import type { EndpointEvents } from "../../src/endpoint/endpoint.ts";
import { chooseCodec } from "../../src/extensions/choose-codec.ts";
import { resolveCompression } from "../../src/extensions/compression-options.ts";
import { MessageDeflate } from "../../src/extensions/message-deflate.ts";
import type { Role } from "../../src/framing/frame.ts";

class Messages implements EndpointEvents {
  readonly texts: string[] = [];
  /** Called behind each message. */
  onText: (text: string) => void = () => {};

  onMessage(_type: number, data: Buffer): void {
    this.texts.push(data.toString());
    this.onText(data.toString());
  }

  onMessageStart(): void {}
  onMessagePiece(): void {}
  onPong(): void {}
  onClose(): void {}

  onPing(payload: Buffer): void {
    this.texts.push(`ping ${payload.toString()}`);
  }
}

function open(role: Role, deflate?: MessageDeflate): { endpoint: Endpoint; messages: Messages } {
  const messages = new Messages();
  return {
    endpoint: new Endpoint({ role, readLimit: 1000, deflate, events: messages }),
    messages,
  };
}

function clientDeflate(): MessageDeflate {
  const negotiated = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const options = resolveCompression(true);
  if (options === undefined) throw new Error("expected compression to be on");
  return new MessageDeflate("client", negotiated, options, chooseCodec());
}

/** A text in two frames with a ping between them, as the peer of `role` sends it. */
function textAndPing(role: Role, text: string): Buffer {
  const mask = role === "client" ? { mask: false as const } : {};
  return Buffer.concat([
    rawFrame({ opcode: 1, fin: false, payload: Buffer.from(text.slice(0, 3)), ...mask }),
    rawFrame({ opcode: 9, payload: Buffer.from("?"), ...mask }),
    rawFrame({ opcode: 0, payload: Buffer.from(text.slice(3)), ...mask }),
  ]);
}

describe("Endpoints that receive in turn", () => {
  it("keep their messages apart, byte by byte, in both roles and compressed", () => {
    const all = [
      { ...open("server"), bytes: textAndPing("server", "first"), text: ["ping ?", "first"] },
      { ...open("client"), bytes: textAndPing("client", "second"), text: ["ping ?", "second"] },
      // The example of RFC 7692 §7.2.3.1.
      {
        ...open("client", clientDeflate()),
        bytes: hex("c1 07 f2 48 cd c9 c9 07 00"),
        text: ["Hello"],
      },
      { ...open("server"), bytes: textAndPing("server", "fourth"), text: ["ping ?", "fourth"] },
    ];
    const longest = Math.max(...all.map(({ bytes }) => bytes.length));
    for (let at = 0; at < longest; at++) {
      for (const { endpoint, bytes } of all) {
        if (at < bytes.length) endpoint.receive(Buffer.of(bytes[at]!), 0);
      }
    }
    for (const { messages, text } of all) expect(messages.texts).toEqual(text);
    for (const { endpoint } of all) expect(endpoint.storedBytes).toBe(0);
  });

  it("may be fed from within each other's messages", () => {
    const outer = open("server");
    const inner = open("server");
    const half = textAndPing("server", "in two halves");
    outer.messages.onText = (text) => {
      if (text === "one") inner.endpoint.receive(Buffer.from(half.subarray(0, 12)), 0);
      if (text === "two") inner.endpoint.receive(Buffer.from(half.subarray(12)), 0);
    };
    const frames = ["one", "two", "three"].map((text) =>
      rawFrame({ opcode: 1, payload: Buffer.from(text) }),
    );
    outer.endpoint.receive(Buffer.concat(frames), 0);
    expect(outer.messages.texts).toEqual(["one", "two", "three"]);
    expect(inner.messages.texts).toEqual(["ping ?", "in two halves"]);
  });

  it("may be fed from within their own messages, while others begin one", () => {
    const outer = open("server");
    const other = open("server");
    const text = (content: string): Buffer =>
      rawFrame({ opcode: 1, payload: Buffer.from(content) });
    outer.messages.onText = (content) => {
      if (content !== "one") return;
      outer.endpoint.receive(text("nested"), 0); // a write that a transport in memory has answered at once
      other.endpoint.receive(Buffer.from(textAndPing("server", "half").subarray(0, 4)), 0);
    };
    outer.endpoint.receive(Buffer.concat([text("one"), text("two"), text("three")]), 0);
    other.endpoint.receive(Buffer.from(textAndPing("server", "half").subarray(4)), 0);
    expect(outer.messages.texts).toEqual(["one", "nested", "two", "three"]);
    expect(other.messages.texts).toEqual(["ping ?", "half"]);
  });

  it("are not disturbed by one that breaks a rule inside a message", () => {
    const broken = open("server");
    broken.endpoint.receive(rawFrame({ opcode: 1, fin: false, payload: Buffer.from("a") }), 0);
    expect(() => broken.endpoint.receive(rawFrame({ opcode: 1 }), 0)).toThrow(
      expect.objectContaining({ code: "WS_DATA_BEFORE_FIN" }),
    );
    const next = open("server");
    next.endpoint.receive(rawFrame({ opcode: 1, payload: Buffer.from("whole") }), 0);
    expect(next.messages.texts).toEqual(["whole"]);
  });

  it("begin with rules of their own: a client refuses what a server has just taken", () => {
    const frame = rawFrame({ opcode: 1, payload: Buffer.from("masked") });
    open("server").endpoint.receive(Buffer.from(frame), 0);
    expect(() => open("client").endpoint.receive(Buffer.from(frame), 0)).toThrow(
      expect.objectContaining({ code: "WS_MASK_UNEXPECTED" }),
    );
    open("client", clientDeflate()).endpoint.receive(hex("c1 07 f2 48 cd c9 c9 07 00"), 0);
    expect(() => open("client").endpoint.receive(hex("c1 07 f2 48 cd c9 c9 07 00"), 0)).toThrow(
      expect.objectContaining({ code: "WS_RSV_UNEXPECTED" }),
    );
  });
});

describe("Endpoints that have frames to send at the same time", () => {
  it("keep them apart, masked by a client and not by a server", () => {
    const server = open("server").endpoint;
    const client = open("client").endpoint;
    const other = open("server").endpoint;
    for (const text of ["a", "bc"]) {
      server.sendMessage(1, `server ${text}`, false);
      client.sendMessage(1, `client ${text}`, false);
      other.sendMessage(2, Buffer.from(text), false);
    }
    expect(Buffer.concat(other.takeOutput())).toEqual(hex("82 01 61 82 02 62 63"));
    other.settleOutput(true);
    expect(other.outputBytes).toBe(0);
    const fromServer = Buffer.concat(server.takeOutput());
    server.sendMessage(1, "behind", false); // between taking and settling
    server.settleOutput(true);
    expect(fromServer.toString("latin1")).toBe("\x81\x08server a\x81\x09server bc");
    expect(Buffer.concat(server.takeOutput()).toString("latin1")).toBe("\x81\x06behind");
    server.settleOutput(true);
    const fromClient = readRawFrame(Buffer.concat(client.takeOutput()));
    expect(fromClient?.frame).toMatchObject({ masked: true, payload: Buffer.from("client a") });
    client.settleOutput(true);
  });

  it("have nothing left when they are cleared", () => {
    const { endpoint } = open("server");
    endpoint.sendMessage(1, "dropped", false);
    endpoint.clearOutput();
    expect(endpoint.takeOutput()).toEqual([]);
    endpoint.sendMessage(1, "kept", false);
    expect(Buffer.concat(endpoint.takeOutput()).toString("latin1")).toBe("\x81\x04kept");
    endpoint.settleOutput(true);
  });
});
