/** Collects what would have ended the process, so that the test that caused it fails by name. */

export interface CrashWatch {
  /** Uncaught exceptions and unhandled rejections so far. */
  readonly crashes: readonly unknown[];
  /** Stops watching; throws when anything was seen. Waits one turn first: rejections are announced late. */
  stop(): Promise<void>;
}

/** Listens for uncaught exceptions and unhandled rejections until `stop`. */
export function watchForCrashes(): CrashWatch {
  const crashes: unknown[] = [];
  const onCrash = (reason: unknown): void => {
    crashes.push(reason);
  };
  process.on("uncaughtException", onCrash);
  process.on("unhandledRejection", onCrash);
  return {
    crashes,
    async stop() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      process.off("uncaughtException", onCrash);
      process.off("unhandledRejection", onCrash);
      if (crashes.length === 0) return;
      throw new AggregateError(crashes, `the process would have crashed: ${String(crashes[0])}`);
    },
  };
}
