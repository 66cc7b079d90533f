/** Close status codes, RFC 6455 §7.4 and the IANA registry, and which of them may travel in a frame. */

export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatusReceived: 1005,
  abnormalClosure: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  mandatoryExtension: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
  tlsHandshake: 1015,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

const NAMES: ReadonlyMap<number, string> = new Map([
  [CloseCode.normal, "normal"],
  [CloseCode.goingAway, "going away"],
  [CloseCode.protocolError, "protocol error"],
  [CloseCode.unsupportedData, "unsupported data"],
  [CloseCode.noStatusReceived, "no status"],
  [CloseCode.abnormalClosure, "abnormal closure"],
  [CloseCode.invalidPayload, "invalid payload data"],
  [CloseCode.policyViolation, "policy violation"],
  [CloseCode.messageTooBig, "message too big"],
  [CloseCode.mandatoryExtension, "mandatory extension missing"],
  [CloseCode.internalError, "internal server error"],
  [CloseCode.serviceRestart, "service restart"],
  [CloseCode.tryAgainLater, "try again later"],
  [CloseCode.badGateway, "bad gateway"],
  [CloseCode.tlsHandshake, "TLS handshake error"],
]);

/** Names a registered close code in English, `undefined` for any other. */
export function closeCodeName(code: number): string | undefined {
  return NAMES.get(code);
}

/**
 * Tells whether `code` may stand in a close frame (RFC 6455 §7.4.1, §7.4.2).
 * 1004-1006 and 1015 never may; 1016-2999 are not assigned; 3000-4999 are the applications'.
 */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  );
}
