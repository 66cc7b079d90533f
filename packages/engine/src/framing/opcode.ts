/** Frame opcodes (RFC 6455 §5.2, §11.8). */

/** 0x3-0x7 and 0xB-0xF are reserved. */
export const Opcode = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** Opcode of the first frame of a data message. */
export type DataOpcode = typeof Opcode.text | typeof Opcode.binary;
export type ControlOpcode = typeof Opcode.close | typeof Opcode.ping | typeof Opcode.pong;

/** "Control frames are identified by opcodes where the most significant bit of the opcode is 1." §5.5 */
export function isControl(opcode: number): opcode is ControlOpcode {
  return opcode >= 0x8;
}

export function isKnownOpcode(opcode: number): opcode is Opcode {
  return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xa);
}
