/**
 * Bytes in, messages out: a parser and an assembler, lent to a connection while a message of it is under way. Most
 * connections are between two messages most of the time: 264 bytes less for each.
 */

import { FrameParser } from "../framing/frame-parser.ts";
import type { Role } from "../framing/frame.ts";
import { MessageAssembler } from "./message-assembler.ts";
import type { AssemblerOwner } from "./message-assembler.ts";

export class MessageDecoder {
  readonly assembler: MessageAssembler;
  readonly parser: FrameParser;
  /** The parser runs: what it finds may bring more bytes for the same connection, inside its call. */
  isParsing = false;

  constructor(role: Role, rsv1Allowed: boolean, owner: AssemblerOwner) {
    this.assembler = new MessageAssembler(owner);
    this.parser = new FrameParser(role, rsv1Allowed, this.assembler);
  }
}

/** The one that nobody has. One is enough: bytes of two connections are parsed at once only inside each other's calls. */
let spare: MessageDecoder | undefined;

/** Lends one. @param rsv1Allowed - Messages may be compressed. */
export function takeDecoder(
  role: Role,
  rsv1Allowed: boolean,
  owner: AssemblerOwner,
): MessageDecoder {
  if (spare === undefined) return new MessageDecoder(role, rsv1Allowed, owner);
  const decoder = spare;
  spare = undefined;
  decoder.parser.setSide(role, rsv1Allowed);
  decoder.assembler.owner = owner;
  return decoder;
}

/** Takes it back when it is between two messages. @returns false: it holds a part of one, and stays where it is. */
export function giveDecoder(decoder: MessageDecoder): boolean {
  const { parser, assembler } = decoder;
  if (parser.isInsideFrame || assembler.isInsideMessage) return false;
  assembler.owner = NOBODY;
  spare = decoder;
  return true;
}

const NOBODY: AssemblerOwner = {
  readLimit: 0,
  deflate: undefined,
  streaming: false,
  discarding: false,
  lends: false,
  onMessage: ignore,
  onMessageStart: ignore,
  onMessagePiece: ignore,
  onControl: ignore,
};

function ignore(): void {}
