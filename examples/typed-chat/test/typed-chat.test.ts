/** The server of the typed chat as a process, with the typed client in Node. */
import { connect } from "@longwire/client";
import { ExampleProcess } from "@longwire/testkit";
import { WebSocket } from "undici";
import { describe, expect, it } from "vitest";
import type { chat } from "../src/contract.ts";

describe("the typed chat", () => {
  it("tells everybody, refuses by path and reason, and closes with 1001", async () => {
    using example = new ExampleProcess("typed-chat", ["--port", "0"]);
    const url = new URL("chat", (await example.line()).slice("listening on ".length));
    await using ada = connect<typeof chat>(url, { WebSocket });
    expect(await ada.read()).toEqual({ kind: "here", people: 1 });
    await using grace = connect<typeof chat>(url, { WebSocket });
    expect(await grace.read()).toEqual({ kind: "here", people: 2 });
    expect(await ada.read()).toEqual({ kind: "here", people: 2 });
    grace.send({ text: "  hello " });
    for (const conn of [ada, grace]) {
      const said = await conn.read();
      expect(said).toEqual({ kind: "said", text: "hello", at: expect.stringMatching(/T.*Z$/u) });
    }
    ada.send({ text: " " });
    expect(await ada.read()).toMatchObject({ kind: "refused", path: "text" });
    ada.send({ text: "still here" });
    expect(await ada.read()).toMatchObject({ kind: "said", text: "still here" });
    example.kill();
    expect(await ada.closed).toMatchObject({ code: 1001 });
    expect((await example.exited()).code).toBe(0);
  });
});
