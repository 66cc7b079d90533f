/** What the tests of the Dialer do over and over. */
import {
  dial,
  Dialer,
  type Dialed,
  type DialerOptions,
  type DialOptions,
  type HandshakeError,
} from "@longwire/engine";
import { watchForCrashes, within, type CrashWatch } from "@longwire/testkit";
import { afterEach, beforeEach, expect, onTestFinished } from "vitest";

/** Every test of the file fails when something would have ended the process meanwhile. */
export function failOnCrash(): void {
  let watch: CrashWatch;
  beforeEach(() => {
    watch = watchForCrashes();
  });
  afterEach(() => watch.stop());
}

/** Dials, and destroys the connection when the test has finished. */
export async function open(
  url: string | URL,
  options: DialerOptions & DialOptions = {},
): Promise<Dialed> {
  const dialed = await within(dial(url, options), `a connection to ${String(url)}`, 10_000);
  onTestFinished(() => dialed.conn.terminate());
  return dialed;
}

/** Dials, and gives the error with which that fails. */
export async function failure(
  url: string | URL,
  options: DialerOptions & DialOptions = {},
): Promise<unknown> {
  const outcome = await within(
    new Dialer(options).dial(url, options).then(
      (dialed) => ({ dialed, error: undefined }),
      (error: unknown) => ({ dialed: undefined, error }),
    ),
    `the failure of a dial to ${String(url)}`,
    10_000,
  );
  outcome.dialed?.conn.terminate();
  if (outcome.dialed !== undefined) throw new Error(`the dial to ${String(url)} succeeded`);
  return outcome.error;
}

/** As {@link failure}, for a failed handshake. */
export async function refusal(
  url: string | URL,
  options: DialerOptions & DialOptions = {},
): Promise<HandshakeError> {
  const error = await failure(url, options);
  expect(error).toMatchObject({ name: "HandshakeError" });
  return error as HandshakeError; // by the line above
}

/** Writes a message; tells whether the same comes back. */
export async function echoes(
  { conn }: Dialed,
  message: string | Buffer = "hello",
): Promise<boolean> {
  const type = typeof message === "string" ? 1 : 2;
  const echo = conn.readMessage();
  await conn.writeMessage(type, message);
  const echoed = await within(echo, "the echo");
  return echoed.type === type && echoed.data.equals(Buffer.from(message));
}

/** 128 KiB, as in gorilla's proxy matrix. */
export const LARGE: Buffer = Buffer.alloc(131_072, "longwire ");
