/** The host of a request behind trusted proxies. */

import type { Request } from "express";

type TrustProxy = (address: string | undefined, hop: number) => boolean;

/**
 * Express 5's `req.host` where a proxy may have a say; undefined for the Host header. That of Express 4 drops the port, so
 * it is worked out from the same setting.
 */
export function hostOf(request: Request): string | undefined {
  const forwarded = request.headers["x-forwarded-host"];
  if (typeof forwarded !== "string") return undefined;
  const trust: unknown = request.app.get("trust proxy fn");
  if (typeof trust !== "function") return undefined;
  const trusts = trust as TrustProxy; // Express compiles the setting to this
  return trusts(request.socket.remoteAddress, 0) ? forwarded.split(",", 1)[0]?.trim() : undefined;
}
