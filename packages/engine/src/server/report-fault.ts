/** Where an error goes that has no other place: the console. Errors in an application's own error channel come here. */

/** Reports a fault of the application: no peer can cause it. */
export function printFault(error: unknown): void {
  // oxlint-disable-next-line no-console -- the last resort: silence would hide a bug, throwing would end the process
  console.error(error);
}

/** Calls the application's error channel; what it throws, or rejects with, is printed. */
export function reportFault(channel: () => unknown): void {
  try {
    Promise.resolve(channel()).catch(printFault);
  } catch (error) {
    printFault(error);
  }
}
