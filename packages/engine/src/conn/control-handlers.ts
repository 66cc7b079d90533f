/** What a user has put in the place of the answers to control frames. */

/** Answers a control frame in place of the default. What it throws ends reading with that error. */
export interface ControlHandlers {
  ping: ((payload: Buffer) => unknown) | undefined;
  pong: ((payload: Buffer) => unknown) | undefined;
  close: ((code: number, reason: string) => unknown) | undefined;
}
