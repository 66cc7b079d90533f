/** The options of an Upgrader within another one, such as a route's within its application's. */

import type { UpgraderOptions } from "./upgrade-options.ts";

/**
 * Puts `own` over those of `outer`. An explicit `undefined` erases nothing; the limits of `outer` hold by themselves,
 * for all that is within it; `checkOrigin` and `allowedOrigins` exclude each other, so either replaces both.
 */
export function inheritOptions(outer: UpgraderOptions, own: UpgraderOptions): UpgraderOptions {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  const left: Record<string, unknown> = { ...outer };
  for (const name of ["maxConnections", "maxConnectionsPerAddress"]) delete left[name];
  if (own.checkOrigin !== undefined || own.allowedOrigins !== undefined) {
    for (const name of ["checkOrigin", "allowedOrigins"]) delete left[name];
  }
  return { ...left, ...Object.fromEntries(given) };
}
