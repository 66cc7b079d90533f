/**
 * Tokens: who may enter the room, under which name, for one minute.
 *
 * Browsers let a page set no header of a WebSocket request but Sec-WebSocket-Protocol, so the token travels there,
 * beside the real subprotocol. It is signed, holds no secret, and stays out of URLs and so out of access logs.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const SUBPROTOCOL = "longwire-chat";

const SECRET = randomBytes(32);
const LIFETIME = 60_000; // ms: a page asks for a new one whenever it connects
const MARK = "token.";

/** What every framework's request headers have in common. */
export type RequestHeaders = { readonly "sec-websocket-protocol"?: string | undefined };

/** A token for this name. */
export function issueToken(name: string, now: number = Date.now()): string {
  const claims = Buffer.from(JSON.stringify([name, now + LIFETIME])).toString("base64url");
  return `${claims}.${sign(claims).toString("base64url")}`;
}

/** True when the request carries a token that we issued and that is still good. */
export function invited(headers: RequestHeaders, now: number = Date.now()): boolean {
  const claims = readClaims(headers);
  return claims !== undefined && now < claims.expires;
}

/** The name in the request's token, which `invited` has checked; undefined when there is none. */
export function invitedName(headers: RequestHeaders): string | undefined {
  return readClaims(headers)?.name;
}

function readClaims(headers: RequestHeaders): { name: string; expires: number } | undefined {
  const offered = headers["sec-websocket-protocol"]?.split(",").map((value) => value.trim());
  const token = offered?.find((value) => value.startsWith(MARK))?.slice(MARK.length);
  const [claims, signature] = token?.split(".") ?? [];
  if (claims === undefined || signature === undefined) return undefined;
  const given = Buffer.from(signature, "base64url");
  const right = sign(claims);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  // Signed by us, so it has the shape that issueToken gave it.
  const [name, expires] = JSON.parse(Buffer.from(claims, "base64url").toString()) as [
    string,
    number,
  ];
  return { name, expires };
}

function sign(claims: string): Buffer {
  return createHmac("sha256", SECRET).update(claims).digest();
}
