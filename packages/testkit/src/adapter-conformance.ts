/**
 * The behaviour every adapter owes its users, described once and run against each of them over real
 * sockets, with `ws` and with a peer that speaks in bytes.
 */
import { afterEach, beforeEach, describe } from "vitest";
import type { AdapterUnderTest } from "./adapter-under-test.ts";
import { guardBehaviour } from "./conformance/guards.ts";
import { handshakeBehaviour } from "./conformance/handshake.ts";
import { hostileFrameBehaviour } from "./conformance/hostile-frames.ts";
import { leakBehaviour } from "./conformance/leaks.ts";
import { lifetimeBehaviour } from "./conformance/lifetime.ts";
import { readingBehaviour } from "./conformance/reading.ts";
import { resetBehaviour } from "./conformance/resets.ts";
import { routingBehaviour } from "./conformance/routing.ts";
import { shutdownBehaviour } from "./conformance/shutdown.ts";
import { watchForCrashes, type CrashWatch } from "./crash-watch.ts";

/**
 * Declares the suite for one adapter. A test fails, too, when anything during it would have ended the
 * process: an uncaught exception or an unhandled rejection.
 */
export function adapterConformance(adapter: AdapterUnderTest): void {
  describe(`${adapter.name} behaves as every adapter`, () => {
    declareSuite(adapter);
  });
}

/**
 * Declares the suite for one adapter on a server that speaks HTTP/2 (RFC 8441): the same clients reach it through a
 * gateway, which keeps malformed requests of HTTP/1.1 and other upgrades to itself, so that those tests are left out.
 */
export function adapterConformanceOverHttp2(adapter: AdapterUnderTest): void {
  const acceptedStatusInLog = {
    status: 200,
    because: "HTTP/2 has no 101: a CONNECT request is accepted with 200 (RFC 8441 §4)",
  };
  const overHttp2: AdapterUnderTest = {
    ...adapter,
    overHttp2: true,
    differences: { acceptedStatusInLog, ...adapter.differences },
  };
  describe(`${adapter.name} behaves as every adapter over HTTP/2`, () => {
    declareSuite(overHttp2);
  });
}

function declareSuite(adapter: AdapterUnderTest): void {
  let watch: CrashWatch;
  beforeEach(() => {
    watch = watchForCrashes();
  });
  afterEach(async () => {
    await watch.stop();
  });

  describe("reading", () => {
    readingBehaviour(adapter);
  });
  describe("lifetime", () => {
    lifetimeBehaviour(adapter);
  });
  describe("guards", () => {
    guardBehaviour(adapter);
  });
  describe("routing", () => {
    routingBehaviour(adapter);
  });
  describe("handshake", () => {
    handshakeBehaviour(adapter);
  });
  describe("resets", () => {
    resetBehaviour(adapter);
  });
  describe("hostile frames", () => {
    hostileFrameBehaviour(adapter);
  });
  describe("shutdown", () => {
    shutdownBehaviour(adapter);
  });
  describe("leaks", () => {
    leakBehaviour(adapter);
  });
}
