/** A peer that speaks in bytes: it sends whatever a test says, valid or not, and reads what comes back. */
import { connect, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ByteStore } from "./byte-store.ts";
import { hex, toHex } from "./hex.ts";
import { readClosePayload, readRawFrame, type RawFrame } from "./raw-frame.ts";
import {
  bodyFraming,
  parseHead,
  rawResponse,
  upgradeText,
  type RawResponse,
  type RequestFields,
} from "./raw-http.ts";
import { DEFAULT_WAIT_MS, deferred, nextEvent, within, type Deferred } from "./wait.ts";

/** How the other side ended the stream: with a FIN, with a reset or another error, or by our own doing. */
export type StreamEnd = "fin" | "reset" | "destroyed";

const HEAD_END = "\r\n\r\n";
const SHOWN_BYTES = 64;

export class RawPeer implements Disposable {
  readonly stream: Duplex;
  readonly #end: Deferred<StreamEnd> = deferred();
  readonly #received: ByteStore = new ByteStore();
  #ended: StreamEnd | undefined;
  #onArrival: () => void = () => {};

  /** Takes over one end of a stream, for example of a pair in memory. */
  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#received.append(chunk);
      this.#onArrival();
    });
    stream.on("end", () => {
      this.#settle("fin");
    });
    stream.on("error", () => {
      this.#settle("reset");
    });
    stream.on("close", () => {
      this.#settle("destroyed");
    });
  }

  /** Connects over TCP. A `halfOpen` peer does not answer a FIN with its own. */
  static async connect(
    port: number,
    o: { host?: string; halfOpen?: boolean } = {},
  ): Promise<RawPeer> {
    const host = o.host ?? "127.0.0.1";
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: o.halfOpen ?? false });
    const peer = new RawPeer(socket);
    const refused = peer.#end.promise.then((end): never => {
      throw new Error(`no TCP connection to ${host}:${port}: ${end}`);
    });
    refused.catch(() => {}); // once connected, the end of the stream is nobody's rejection
    await Promise.race([nextEvent(socket, "connect"), refused]);
    return peer;
  }

  /** Connects over TCP and completes the opening handshake; throws unless the answer is a 101. */
  static async upgrade(port: number, path: string, fields: RequestFields = {}): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.send(upgradeText(path, fields));
    const { status, body } = await peer.readResponse();
    if (status === 101) return peer;
    peer[Symbol.dispose]();
    throw new Error(`expected ${path} to answer 101, got ${status}: ${body}`);
  }

  /** Bytes that have come and were not read yet. */
  get unread(): Buffer {
    return this.#received.unread;
  }

  /** Sends bytes, or a string as UTF-8. */
  send(bytes: Uint8Array | string): void {
    if (this.stream.writable) this.stream.write(bytes);
  }

  /** Sends bytes given as spaced hex. */
  sendHex(text: string): void {
    this.send(hex(text));
  }

  /** Stops taking bytes from the socket: soon the other side cannot write any more. */
  stopReading(): void {
    this.stream.pause();
  }

  resumeReading(): void {
    this.stream.resume();
  }

  /** Sends a FIN. */
  end(): void {
    this.stream.end();
  }

  /** Sends a reset (RST); over a stream that is not a TCP socket, destroys it with an error. */
  reset(): void {
    if (this.stream instanceof Socket) this.stream.resetAndDestroy();
    else this.stream.destroy(new Error("reset by the raw peer"));
  }

  /** Reads exactly `count` bytes. */
  async readBytes(count: number): Promise<Buffer> {
    return this.#take(`${count} bytes`, (bytes) => (bytes.length < count ? undefined : count));
  }

  /** Reads up to and including `marker`. */
  async readUntil(marker: string): Promise<Buffer> {
    return this.#take(JSON.stringify(marker), (bytes) => {
      const at = bytes.indexOf(marker);
      return at === -1 ? undefined : at + marker.length;
    });
  }

  /** Reads one response, its body included. A 101 has none: what follows it are frames. */
  async readResponse(): Promise<RawResponse> {
    const bytes = await this.readUntil(HEAD_END);
    const head = parseHead(bytes.toString("latin1", 0, bytes.length - HEAD_END.length));
    return rawResponse({ ...head, body: await this.#readBody(head) });
  }

  async #readBody(head: Pick<RawResponse, "status" | "headers">): Promise<string> {
    const framing = bodyFraming(head);
    if (framing.kind === "none") return "";
    if (framing.kind === "length") return (await this.readBytes(framing.length)).toString();
    if (framing.kind === "to-end") return (await this.readToEnd()).toString();
    let body = "";
    for (;;) {
      const size = Number.parseInt((await this.readUntil("\r\n")).toString(), 16);
      const chunk = await this.readBytes(size + 2);
      if (size === 0) return body;
      body += chunk.toString("utf8", 0, size);
    }
  }

  /** Reads one frame. */
  async readFrame(): Promise<RawFrame> {
    const bytes = await this.#take("a frame", (received) => readRawFrame(received)?.size);
    const read = readRawFrame(bytes);
    if (read === undefined) throw new Error("the frame that was just measured cannot be read");
    return read.frame;
  }

  /** Reads frames until the close frame; answers with its code and reason. */
  async readClose(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const frame = await this.readFrame();
      if (frame.opcode === 0x8) return readClosePayload(frame.payload);
    }
  }

  /** Reads everything until the other side ends the stream. */
  async readToEnd(): Promise<Buffer> {
    await this.ended();
    return this.#received.take(this.unread.length);
  }

  /** Awaits the end of the stream; does not throw for a reset, but says so. */
  async ended(ms: number = DEFAULT_WAIT_MS): Promise<StreamEnd> {
    return within(this.#end.promise, () => `the end of the stream${this.#describeUnread()}`, ms);
  }

  [Symbol.dispose](): void {
    this.stream.destroy();
  }

  /** Consumes the bytes that `measure` counts, as soon as it counts any. */
  async #take(what: string, measure: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    const complete = deferred<number>();
    const look = (): void => {
      const size = measure(this.unread);
      if (size !== undefined) complete.resolve(size);
      else if (this.#ended !== undefined) {
        const how = `stream ended (${this.#ended}) before ${what}${this.#describeUnread()}`;
        complete.reject(new Error(how));
      }
    };
    this.#onArrival = look;
    look();
    try {
      return this.#received.take(await within(complete.promise, what));
    } catch (error) {
      throw new Error(`expected ${what}${this.#describeUnread()}`, { cause: error });
    } finally {
      this.#onArrival = () => {};
    }
  }

  #settle(end: StreamEnd): void {
    this.#ended ??= end;
    this.#end.resolve(end);
    this.#onArrival();
  }

  #describeUnread(): string {
    const unread = this.unread;
    if (unread.length === 0) return "; nothing unread";
    return `; ${unread.length} bytes unread: ${toHex(unread.subarray(0, SHOWN_BYTES))}`;
  }
}
