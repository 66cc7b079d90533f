/** Every way of reading gives every message, in order, whenever it was sent. */
import type { Conn } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest } from "../adapter-under-test.ts";
import { rawBinary, rawFrame, rawPing, rawText } from "../raw-frame.ts";
import { upgradeText } from "../raw-http.ts";
import { deferred, Inbox } from "../wait.ts";
import type { WsMessage } from "../ws-peer.ts";
import { echo, serve, socket } from "./served.ts";

async function echoByIteration(conn: Conn): Promise<void> {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
}

async function echoByForEach(conn: Conn): Promise<void> {
  await conn.forEach((message) => {
    conn.send(message.type === 1 ? message.text() : message.data);
  });
}

const WAYS_OF_READING: ReadonlyArray<readonly [string, (conn: Conn) => Promise<void>]> = [
  ["a readMessage loop", echo],
  ["for await", echoByIteration],
  ["forEach", echoByForEach],
];

/** Type and content of a message as one string: comparing buffers byte by byte takes seconds. */
function shown(message: WsMessage): string {
  return typeof message === "string" ? `text ${message}` : `binary ${message.toString("base64")}`;
}

function echoBehaviour(adapter: AdapterUnderTest): void {
  describe.each(WAYS_OF_READING)("a handler that echoes by %s", (_way, handler) => {
    it.each(["call", "short"] as const)("answers text and binary, declared by %s", async (form) => {
      const served = await serve(adapter, { routes: [socket("/echo", handler, { form })] });
      const peer = await served.ws("/echo");
      const long = Buffer.alloc(70_000, "long");
      for (const sent of ["héllo ☃", Buffer.from([0, 255, 128]), "", long]) {
        peer.send(sent);
        expect(shown(await peer.next())).toBe(shown(sent));
      }
      expect(await peer.close(1000)).toEqual({ code: 1000, reason: "" });
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("keeps the order of many messages that come in one packet", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", handler)] });
      const peer = await served.rawSocket("/echo");
      const texts = Array.from({ length: 300 }, (_, index) => `message ${index}`);
      peer.send(Buffer.concat(texts.map((text) => rawText(text))));
      for (const text of texts) expect((await peer.readFrame()).payload.toString()).toBe(text);
    });

    it("joins fragments and answers the ping between them first", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", handler)] });
      const peer = await served.rawSocket("/echo");
      peer.send(rawFrame({ opcode: 1, payload: "frag", fin: false }));
      peer.send(rawPing("between"));
      peer.send(rawFrame({ opcode: 0, payload: "ments" }));
      expect(await peer.readFrame()).toMatchObject({ opcode: 10, payload: Buffer.from("between") });
      expect(await peer.readFrame()).toMatchObject({
        fin: true,
        opcode: 1,
        masked: false,
        payload: Buffer.from("fragments"),
      });
    });
  });
}

function earlyFrames(adapter: AdapterUnderTest): void {
  describe("no message is lost", () => {
    it("that came in the packet of the handshake", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const peer = await served.raw();
      const request = Buffer.from(upgradeText("/echo", { Host: served.host }));
      peer.send(Buffer.concat([request, rawText("early"), rawBinary(Buffer.from([7]))]));
      expect((await peer.readResponse()).status).toBe(101);
      expect((await peer.readFrame()).payload.toString()).toBe("early");
      expect(await peer.readFrame()).toMatchObject({ opcode: 2, payload: Buffer.from([7]) });
    });

    it("that came while a guard was deciding", async () => {
      const asked = new Inbox<undefined>("the guard's turn");
      const allowed = deferred();
      const guard = async (): Promise<undefined> => {
        asked.push(undefined);
        await allowed.promise;
      };
      const served = await serve(adapter, { routes: [socket("/echo", echo, { steps: [guard] })] });
      const peer = await served.raw();
      peer.send(upgradeText("/echo", { Host: served.host }));
      await asked.next();
      for (let index = 0; index < 50; index++) peer.send(rawText(`early ${index}`));
      await served.proveAlive(); // a whole connection later the early frames have reached the server
      allowed.resolve();
      expect((await peer.readResponse()).status).toBe(101);
      for (let index = 0; index < 50; index++) {
        expect((await peer.readFrame()).payload.toString()).toBe(`early ${index}`);
      }
    });
  });
}

function patientHandlers(adapter: AdapterUnderTest): void {
  describe("no message is lost", () => {
    it("that came before the handler began to read", async () => {
      const ready = deferred();
      const handler = async (conn: Conn): Promise<void> => {
        await ready.promise;
        await echo(conn);
      };
      const served = await serve(adapter, { routes: [socket("/late", handler)] });
      const peer = await served.ws("/late");
      for (let index = 0; index < 50; index++) peer.send(`before ${index}`);
      await served.proveAlive();
      ready.resolve();
      for (let index = 0; index < 50; index++) expect(await peer.next()).toBe(`before ${index}`);
    });

    it("by a break out of for await", async () => {
      const handler = async (conn: Conn): Promise<void> => {
        for await (const first of conn) {
          await conn.writeMessage(first.type, `first ${first.text()}`);
          break;
        }
        await echoByIteration(conn);
      };
      const served = await serve(adapter, { routes: [socket("/break", handler)] });
      const peer = await served.rawSocket("/break");
      peer.send(Buffer.concat([rawText("one"), rawText("two"), rawText("three")]));
      for (const expected of ["first one", "two", "three"]) {
        expect((await peer.readFrame()).payload.toString()).toBe(expected);
      }
    });

    it("of a message larger than the read queue", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const peer = await served.ws("/echo");
      const sent = Array.from({ length: 4 }, (_, index) => Buffer.alloc(900_000, index));
      for (const message of sent) peer.send(message);
      for (const message of sent) expect(shown(await peer.next())).toBe(shown(message));
    });
  });
}

export function readingBehaviour(adapter: AdapterUnderTest): void {
  echoBehaviour(adapter);
  earlyFrames(adapter);
  patientHandlers(adapter);
}
