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
  });
}
