/** The host of a request behind trusted proxies. */

import type { Request } from "express";

type TrustProxy = (address: string | undefined, hop: number) => boolean;

/** Express 5's `req.host`. That of Express 4 drops the port, so it is worked out from the same setting. */
export function hostOf(request: Request): string | undefined {
  const trust: unknown = request.app.get("trust proxy fn");
  const forwarded = request.get("X-Forwarded-Host");
  if (forwarded !== undefined && typeof trust === "function") {
    const trusts = trust as TrustProxy; // Express compiles the setting to this
    if (trusts(request.socket.remoteAddress, 0)) return forwarded.split(",", 1)[0]?.trim();
  }
  return request.get("Host");
}
