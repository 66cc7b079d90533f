/** The client that Autobahn's fuzzing server tests: runs every case, echoing what it gets, and has the report written. */

import { parseArgs } from "node:util";
import { Dialer } from "@longwire/engine";

// The largest message of the suite has 16 MiB.
const READ_LIMIT_BYTES = 64 * 1024 * 1024;
const AGENT = "longwire";

/** Echoes until the server ends the case. Many cases end in a fault of the server's: that is their point. */
async function runCase(dialer: Dialer, url: URL): Promise<void> {
  const { conn } = await dialer.dial(url);
  try {
    for await (const { type, data } of conn) await conn.writeMessage(type, data);
  } catch {
    // a protocol error that was provoked; the server has it in its report
  }
  await conn.closed;
}

async function caseCount(dialer: Dialer, base: URL): Promise<number> {
  const { conn } = await dialer.dial(new URL("/getCaseCount", base));
  const count = Number((await conn.readMessage()).text());
  await conn.close();
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new Error("the server has not told how many cases there are");
}

async function updateReports(dialer: Dialer, base: URL, agent: string): Promise<void> {
  const url = new URL("/updateReports", base);
  url.searchParams.set("agent", agent);
  const { conn } = await dialer.dial(url);
  await conn.discard(); // the server closes when the report is written
}

/** Runs all cases against a fuzzing server; throws when it can't be reached. */
export async function runClient(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { agent: { type: "string", default: AGENT } },
  });
  const base = new URL(positionals[0] ?? "ws://127.0.0.1:9001");
  const dialer = new Dialer({ readLimit: READ_LIMIT_BYTES, compression: true, heartbeat: false });
  const count = await caseCount(dialer, base);
  process.stdout.write(`${count} cases\n`);
  for (let number = 1; number <= count; number++) {
    const url = new URL("/runCase", base);
    url.searchParams.set("case", String(number));
    url.searchParams.set("agent", values.agent);
    await runCase(dialer, url);
    if (number % 50 === 0) process.stdout.write(`${number} of ${count} done\n`);
  }
  await updateReports(dialer, base, values.agent);
  process.stdout.write(`all ${count} cases done, report written\n`);
}
