/** What Express knows of a request behind its trusted proxies. */

import type { UpgradeSite } from "@longwire/engine";
import type { Request } from "express";

type TrustProxy = (address: string | undefined, hop: number) => boolean;

/** Host and address, as the application's `trust proxy` setting has them. */
export function facts(request: Request): Pick<UpgradeSite, "host" | "address"> {
  return { host: hostOf(request), address: request.ip };
}

/** Express 5's `req.host`. That of Express 4 drops the port, so it is worked out from the same setting. */
function hostOf(request: Request): string | undefined {
  const trust: unknown = request.app.get("trust proxy fn");
  const forwarded = request.get("X-Forwarded-Host");
  if (forwarded !== undefined && typeof trust === "function") {
    const trusts = trust as TrustProxy; // Express compiles the setting to this
    if (trusts(request.socket.remoteAddress, 0)) return forwarded.split(",", 1)[0]?.trim();
  }
  return request.get("Host");
}
