/** Runs hex through parser and assembler and writes down, as short strings, what comes out. */
import { hex } from "@longwire/testkit";
import { ProtocolError } from "../../src/errors.ts";
import { FrameParser } from "../../src/framing/frame-parser.ts";
import { MessageAssembler } from "../../src/messages/message-assembler.ts";
import type { AssemblerOwner, Inflater } from "../../src/messages/message-assembler.ts";

export interface AssemblyOptions {
  /** @default 1_048_576 */
  readonly readLimit?: number;
  /** Makes RSV1 mean compression. @default none */
  readonly inflater?: Inflater;
  /** Called before the first byte. */
  readonly prepare?: (assembly: Assembly) => void;
}

/** An assembler behind a parser in the client's role, whose frames are readable: they are not masked. */
export class Assembly implements AssemblerOwner {
  /** `text:68`, `binary:00`, `start:text`, `piece:68`, `end:69`, `ping:`, … with payloads as hex digits. */
  readonly events: string[] = [];
  readonly messages: Buffer[] = [];
  readonly assembler: MessageAssembler;
  readLimit: number;
  readonly deflate: Inflater | undefined;
  streaming = false;
  discarding = false;
  readonly lends = false;
  readonly #parser: FrameParser;

  constructor(options: AssemblyOptions = {}) {
    this.readLimit = options.readLimit ?? 1_048_576;
    this.deflate = options.inflater;
    this.assembler = new MessageAssembler(this);
    this.#parser = new FrameParser("client", options.inflater !== undefined, this.assembler);
    options.prepare?.(this);
  }

  startStreaming(): void {
    this.streaming = true;
    this.assembler.streamUnfinished();
  }

  stopStreaming(): void {
    this.streaming = false;
  }

  discardData(): void {
    this.discarding = true;
    this.assembler.dropStore();
  }

  push(bytes: Uint8Array): this {
    this.#parser.push(Buffer.from(bytes), 0);
    return this;
  }

  pushHex(text: string): this {
    return this.push(hex(text));
  }

  onMessage(type: 1 | 2, data: Buffer): void {
    this.messages.push(data);
    this.events.push(`${type === 1 ? "text" : "binary"}:${data.toString("hex")}`);
  }

  onMessageStart(type: 1 | 2, compressed: boolean): void {
    this.events.push(`start:${type === 1 ? "text" : "binary"}${compressed ? ":compressed" : ""}`);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    this.events.push(`${last ? "end" : "piece"}:${piece.toString("hex")}`);
  }

  onControl(opcode: number, payload: Buffer): void {
    const name = { 8: "close", 9: "ping", 10: "pong" }[opcode] ?? "unknown";
    this.events.push(`${name}:${payload.toString("hex")}`);
  }
}

/** What happened, the fault last. Pieces are joined: how they are cut depends on how the bytes came. */
function outcome(pieces: readonly Uint8Array[], options: AssemblyOptions): string[] {
  const assembly = new Assembly(options);
  let fault: string[] = [];
  try {
    for (const piece of pieces) assembly.push(piece);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    fault = [`fault:${error.code}:${error.closeCode}`];
  }
  const joined: string[] = [];
  for (const event of assembly.events) {
    const last = joined.at(-1);
    if (last?.startsWith("piece:") === true && /^(?:piece|end):/u.test(event)) {
      const [kind, payload] = event.split(":");
      joined[joined.length - 1] = `${kind}:${last.slice("piece:".length)}${payload}`;
    } else joined.push(event);
  }
  return [...joined, ...fault];
}

/** What the bytes mean; insists that it is the same wherever they are split. Pieces are joined. */
export function assemble(text: string, options: AssemblyOptions = {}): string[] {
  const bytes = hex(text);
  const whole = outcome([bytes], options);
  const each = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const splits = each.map((_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  for (const pieces of [each, ...splits]) {
    const found = outcome(pieces, options);
    if (comparable(found) !== comparable(whole)) {
      throw new Error(`in ${pieces.length} pieces: ${found.join(" ")}, in one: ${whole.join(" ")}`);
    }
  }
  return whole;
}

/** Before a fault, how much of the message has been given in pieces depends on how the bytes came. */
function comparable(events: readonly string[]): string {
  const failed = events.at(-1)?.startsWith("fault:") === true;
  return events.filter((event) => !failed || !event.startsWith("piece:")).join(" ");
}

/** How many bytes, one at a time, it takes until the fault is found. */
export function bytesToFault(text: string, options: AssemblyOptions = {}): number {
  const assembly = new Assembly(options);
  const bytes = hex(text);
  for (let at = 0; at < bytes.length; at++) {
    try {
      assembly.push(bytes.subarray(at, at + 1));
    } catch (error) {
      if (error instanceof ProtocolError) return at + 1;
      throw error;
    }
  }
  throw new Error(`no fault in ${text}`);
}
