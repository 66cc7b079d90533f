/** The program of the README runs. */
import type { Conn } from "@longwire/engine";
import { connPair, programsOf, runProgram } from "@longwire/testkit";
import { expect, it } from "vitest";

it("the README's chat reaches everybody but the sender", async () => {
  const [program] = programsOf(new URL("../README.md", import.meta.url));
  const { chat } = await runProgram(String(program), import.meta.url);
  const enter = chat as (conn: Conn, name: string) => Promise<void>; // exported by the program
  const ada = connPair();
  const grace = connPair();
  const left = [enter(ada.server, "blue"), enter(grace.server, "blue")];
  await ada.client.writeMessage(1, "hello");
  expect((await grace.client.readMessage()).text()).toBe("hello");
  await Promise.all([ada.client.close(), grace.client.close(), ...left]);
});
