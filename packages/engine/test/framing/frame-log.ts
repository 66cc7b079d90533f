/** Runs the frame parser on hex, whole and in pieces, and tells what its sink was told. */
import { hex } from "@longwire/testkit";
import { ProtocolError } from "../../src/errors.ts";
import { FrameParser, type FrameSink } from "../../src/framing/frame-parser.ts";
import type { Role } from "../../src/framing/frame.ts";

/** One frame as the sink saw it. */
export interface LoggedFrame {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly opcode: number;
  readonly length: number;
  /** Its payload so far, as hex digits. */
  payload: string;
  /** The last piece has come. */
  complete: boolean;
}

/** What a parser made of some bytes: frames, then perhaps a fault. */
export interface ParseOutcome {
  readonly frames: LoggedFrame[];
  readonly fault: ProtocolError | undefined;
}

export interface ParseOptions {
  /** An extension uses RSV1. @default false */
  readonly rsv1Allowed?: boolean;
}

/** Writes down everything; checks that pieces follow frames as promised. */
export class FrameLog implements FrameSink {
  readonly frames: LoggedFrame[] = [];

  onFrame(fin: boolean, rsv1: boolean, opcode: number, length: number): void {
    if (this.frames.at(-1)?.complete === false) throw new Error("a frame inside a frame");
    this.frames.push({ fin, rsv1, opcode, length, payload: "", complete: false });
  }

  onPayload(chunk: Buffer, start: number, end: number, last: boolean): void {
    const frame = this.frames.at(-1);
    if (frame === undefined || frame.complete) throw new Error("a piece without a frame");
    frame.payload += chunk.toString("hex", start, end);
    frame.complete = last;
  }
}

/** Pushes the pieces one after another, each in memory of its own: the parser unmasks in place. */
export function parsePieces(
  role: Role,
  pieces: readonly Uint8Array[],
  options: ParseOptions = {},
): ParseOutcome {
  const log = new FrameLog();
  const parser = new FrameParser(role, options.rsv1Allowed ?? false, log);
  try {
    for (const piece of pieces) {
      const chunk = Buffer.from(piece);
      if (parser.push(chunk, 0) !== chunk.length) throw new Error("a piece was not consumed");
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { frames: log.frames, fault: error };
  }
  return { frames: log.frames, fault: undefined };
}

/** Cuts at every byte. */
export function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** Where to split: everywhere, or in long input everywhere in the first header and near the end. */
export function splitPoints(length: number): number[] {
  const points = Array.from({ length: length + 1 }, (_, at) => at);
  return length <= 512 ? points : points.filter((at) => at <= 20 || at >= length - 20);
}

function describeOutcome({ frames, fault }: ParseOutcome): string {
  return JSON.stringify({ frames, fault: fault?.code, closeCode: fault?.closeCode });
}

/** Parses `text`; insists that the outcome is the same wherever the bytes are split. */
export function parseOutcome(role: Role, text: string, options: ParseOptions = {}): ParseOutcome {
  const bytes = hex(text);
  const whole = parsePieces(role, [bytes], options);
  const expected = describeOutcome(whole);
  const splits = splitPoints(bytes.length).map((at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  for (const pieces of [...splits, bytewise(bytes)]) {
    const found = describeOutcome(parsePieces(role, pieces, options));
    if (found !== expected) {
      const sizes = pieces.map((piece) => piece.length).slice(0, 2);
      throw new Error(`in pieces of ${sizes.join(", ")}: ${found}, in one: ${expected}`);
    }
  }
  return whole;
}

/** The frames in `text`, wherever it is split. Throws the fault when there is one. */
export function parse(role: Role, text: string, options: ParseOptions = {}): LoggedFrame[] {
  const { frames, fault } = parseOutcome(role, text, options);
  if (fault !== undefined) throw fault;
  return frames;
}

/** The frames as `opcode:payload`, with a `-` behind the opcode of a frame without FIN. */
export function brief(frames: readonly LoggedFrame[]): string[] {
  return frames.map(
    ({ fin, opcode, payload }) => `${opcode.toString(16)}${fin ? "" : "-"}:${payload}`,
  );
}

/** How many bytes the parser needs to find the fault when they come one at a time. */
export function bytesToFault(role: Role, text: string, options: ParseOptions = {}): number {
  const parser = new FrameParser(role, options.rsv1Allowed ?? false, new FrameLog());
  const bytes = hex(text);
  for (let at = 0; at < bytes.length; at++) {
    try {
      parser.push(Buffer.from(bytes.subarray(at, at + 1)), 0);
    } catch (error) {
      if (error instanceof ProtocolError) return at + 1;
      throw error;
    }
  }
  throw new Error(`no fault in ${text}`);
}
