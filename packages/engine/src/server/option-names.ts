/** Names of options: one that nobody reads is refused, since a misspelt limit would be none. */

import type { AttachOptions } from "./attach-options.ts";
import type { UpgraderOptions } from "./upgrade-options.ts";

type Names<Options> = Readonly<Record<keyof Options, true>>;

const ATTACH_OPTIONS: Names<AttachOptions> = {
  only: true,
  handshakeTimeout: true,
  drainTimeout: true,
  ServerResponse: true,
};

const UPGRADER_OPTIONS: Names<UpgraderOptions> = {
  readLimit: true,
  readQueueBytes: true,
  readQueueMessages: true,
  writeWaterMark: true,
  maxBufferedAmount: true,
  readBufferSize: true,
  writeBufferSize: true,
  writeBufferPool: true,
  closeTimeout: true,
  heartbeat: true,
  allowedOrigins: true,
  subprotocols: true,
  compression: true,
  handshakeTimeout: true,
  checkOrigin: true,
  error: true,
  warn: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
};

/** Options of the adapters' routes, which stand in the same object. */
const ADAPTER_OPTIONS: readonly string[] = ["messages", "onError", "host", "address"];

/** Tells whether a WebSocket route has an option of this name, for adapters that keep others in the same object. */
export function isRouteOption(name: string): boolean {
  return Object.hasOwn(UPGRADER_OPTIONS, name) || name === "messages";
}

/** @throws TypeError naming an option that no route has. */
export function checkRouteOptionNames(options: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(UPGRADER_OPTIONS, name) || ADAPTER_OPTIONS.includes(name)) continue;
    throw new TypeError(`a WebSocket route has no option ${name}`);
  }
}

/** @throws TypeError naming an option that `attach` has not. */
export function checkAttachOptionNames(options: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(ATTACH_OPTIONS, name)) continue;
    const place = Object.hasOwn(UPGRADER_OPTIONS, name) ? ": give it to the route" : "";
    throw new TypeError(`attach has no option ${name}${place}`);
  }
}
