/** The programs of the README run. */
import { deferred, programsOf, replaced, runProgram, within } from "@longwire/testkit";
import { WebSocket } from "undici";
import { afterEach, describe, expect, it, vi } from "vitest";
import { serveRoute } from "./route.ts";
import type { Messages } from "../src/index.ts";

const [contract, page] = programsOf(new URL("../README.md", import.meta.url)).map(String);

afterEach(() => vi.unstubAllGlobals());

describe("the README", () => {
  it("starts quickly", async () => {
    const { chat } = await runProgram(String(contract), import.meta.url);
    const asked = deferred<unknown>();
    const { url, errors } = await serveRoute({ messages: chat as Messages }, async (conn) => {
      asked.resolve(await conn.readJSON());
      await conn.writeJSON({ text: "welcome", at: new Date(0) });
      await conn.close();
    });
    vi.stubGlobal("WebSocket", WebSocket);
    vi.stubGlobal("document", { baseURI: url });
    const log = vi.spyOn(console, "log").mockReturnValue();
    const program = replaced(String(page), "../server/contract.ts", "./contract.ts");
    await within(runProgram(program, import.meta.url), "the end of the page's loop");
    expect(await asked.promise).toEqual({ text: "hello" });
    expect(log.mock.calls).toEqual([[new Date(0).toLocaleTimeString(), "welcome"]]);
    expect(errors).toEqual([]);
  });
});
