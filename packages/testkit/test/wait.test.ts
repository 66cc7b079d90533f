/** Waits end, and crashes are seen. */
import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { watchForCrashes } from "../src/crash-watch.ts";
import { Inbox, nextEvent, within } from "../src/wait.ts";

describe("bounded waits", () => {
  it("name what they waited for", async () => {
    const never = new Promise<void>(() => {});
    await expect(within(never, "the moon", 1)).rejects.toThrow(
      "gave up waiting for the moon after 1 ms",
    );
    const emitter = new EventEmitter();
    await expect(nextEvent(emitter, "ring", undefined, 1)).rejects.toThrow('the event "ring"');
    expect(emitter.listenerCount("ring")).toBe(0);
  });

  it("hand over values in the order in which they came", async () => {
    const inbox = new Inbox<number>("a number");
    inbox.push(1);
    const early = inbox.next();
    const waiting = inbox.next();
    inbox.push(2);
    inbox.push(3);
    expect([await early, await waiting, await inbox.next()]).toEqual([1, 2, 3]);
    await expect(inbox.next(1)).rejects.toThrow("a number");
    inbox.push(4);
    expect(await inbox.next()).toBe(4);
    expect(inbox.all).toEqual([1, 2, 3, 4]);
  });
});

describe("crash watch", () => {
  it("reports a rejection that nobody handles", async () => {
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection"); // the test runner's own would fail the run
    const watch = watchForCrashes();
    void Promise.reject(new Error("lost"));
    await expect(watch.stop()).rejects.toThrow("the process would have crashed: Error: lost");
    for (const listener of others) process.on("unhandledRejection", listener);
    expect(watch.crashes).toHaveLength(1);
  });

  it("passes when nothing happens", async () => {
    await expect(watchForCrashes().stop()).resolves.toBeUndefined();
  });
});
