/** What both directions of framing agree on: roles and sizes (RFC 6455 §5.2, §5.5). */

/** The side of the connection that this endpoint plays. */
export type Role = "server" | "client";

/** 2 bytes, 8 of extended length, 4 of masking key. */
export const MAX_HEADER_BYTES = 14;

/** "All control frames MUST have a payload length of 125 bytes or less" §5.5 */
export const MAX_CONTROL_PAYLOAD_BYTES = 125;

/** Bits of the first header byte. */
export const FIN_BIT = 0x80;
export const RSV1_BIT = 0x40;
export const RSV2_RSV3_BITS = 0x30;
export const OPCODE_BITS = 0x0f;
/** Bit of the second header byte. */
export const MASK_BIT = 0x80;
