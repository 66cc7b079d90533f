/** A server that speaks HTTP/2 and HTTP/1.1 over TLS, met by a client of either. */
import type { AddressInfo, Server } from "node:net";
import { dial } from "@longwire/engine";
import { onTestFinished } from "vitest";
import { nextEvent } from "./wait.ts";

/** The beginning of a program that takes `key` and `cert` as given. */
export const CERTIFICATE_GIVEN = `
import { generate } from "selfsigned";
const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
`;

/** The first message of `/` over HTTP/2, and over HTTP/1.1. Closes the server when the test has finished. */
export async function greetingsOf(server: Server): Promise<readonly string[]> {
  onTestFinished(() => {
    server.close();
  });
  if (!server.listening) await nextEvent(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP address is never a string
  const greetings: string[] = [];
  for (const http2 of [true, false]) {
    const { conn } = await dial(`wss://127.0.0.1:${port}/`, {
      http2,
      tls: { rejectUnauthorized: false },
    });
    greetings.push((await conn.readMessage()).text());
    await conn.close();
  }
  return greetings;
}
