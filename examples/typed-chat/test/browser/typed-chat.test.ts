/** The typed client as it is built, in Chromium. */
import type * as Client from "@longwire/client";
import { ExampleProcess } from "@longwire/testkit";
import { chromium, type Browser, type JSHandle, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { chat } from "../../src/contract.ts";

const EXECUTABLE = process.env["LONGWIRE_CHROMIUM"] ?? "/usr/bin/chromium";
let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
});

afterAll(async () => {
  await browser.close();
});

interface Visit {
  readonly page: Page;
  readonly errors: readonly string[];
  readonly requests: readonly string[];
}

async function visit(url: string): Promise<Visit> {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  await page.goto(url);
  await page.getByRole("status").getByText("Connected", { exact: true }).waitFor();
  return { page, errors, requests };
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

const urlOf = async (example: ExampleProcess): Promise<string> =>
  (await example.line()).slice("listening on ".length);

describe("the typed chat in Chromium", () => {
  it("says, reads dates, and learns what the schema refuses", async () => {
    using example = new ExampleProcess("typed-chat", ["--port", "0"]);
    const url = await urlOf(example);
    const [ada, grace] = [await visit(url), await visit(url)];
    await ada.page.locator("#people", { hasText: "2" }).waitFor();
    await say(ada.page, "  hello  ");
    for (const { page } of [ada, grace]) {
      const entry = page.locator("#log .said", { hasText: "hello" });
      await entry.waitFor();
      const time = await entry.locator("time").getAttribute("datetime");
      expect(Math.abs(Date.now() - Date.parse(time ?? ""))).toBeLessThan(60_000);
    }
    await say(grace.page, "x".repeat(81));
    const refused = grace.page.locator("#log .refused");
    await refused.waitFor();
    expect(await refused.innerText()).toMatch(/^text: .*80/u);
    expect(await ada.page.locator("#log p").count()).toBe(1);
    await grace.page.close();
    await ada.page.locator("#people", { hasText: "1" }).waitFor();
    expect([...ada.errors, ...grace.errors]).toEqual([]);
    await ada.page.close();
  });

  it("loads the client, and nothing of the engine or the schemas", async () => {
    using example = new ExampleProcess("typed-chat", ["--port", "0"]);
    const { page, requests } = await visit(await urlOf(example));
    const modules = requests.filter((path) => path.endsWith(".js"));
    expect(modules).toContain("/client/index.js");
    for (const path of modules) expect(path).toMatch(/^\/(?:page|client\/[a-z-]+)\.js$/u);
    await page.close();
  });

  it("behaves as it does in Node", async () => {
    using example = new ExampleProcess("typed-chat", ["--port", "0"]);
    const { page } = await visit(await urlOf(example));
    const client: JSHandle<typeof Client> = await page.evaluateHandle("import('/client/index.js')");
    const seen = await client.evaluate(async ({ connect, CloseError }) => {
      const refused = connect("/nowhere");
      const refusal: unknown = await refused.opened.catch((error: unknown) => error);
      const early = connect<typeof chat>("/chat");
      early.send({ text: "sent before it opened" });
      const first = await early.read();
      const second = await early.read();
      const pending = early.read().catch((error: unknown) => error);
      const end = await early.close(4000, "done");
      const late = early.send({ text: "too late" });
      const ended = await pending;
      const never = await connect("/chat").close();
      const controller = new AbortController();
      const aborted = connect("/chat", { signal: controller.signal });
      controller.abort("left");
      const reason: unknown = await aborted.read().catch((error: unknown) => error);
      return {
        refusal: refusal instanceof CloseError && refusal.message,
        first,
        second: second.kind === "said" && second.text,
        end,
        late,
        ended: ended instanceof CloseError && ended.code,
        never: never.code,
        reason,
        aborted: (await aborted.closed).code,
      };
    });
    expect(seen).toMatchObject({
      refusal: expect.stringMatching(/^ws:.*\/nowhere did not open/u),
      first: { kind: "here", people: 2 },
      second: "sent before it opened",
      end: { code: 4000, wasClean: true },
      late: false,
      ended: 4000,
      never: 1006,
      reason: "left",
      aborted: 1006,
    });
    await page.close();
  });

  it("comes back when the server does", async () => {
    using before = new ExampleProcess("typed-chat", ["--port", "0"]);
    const url = await urlOf(before);
    const { page, errors } = await visit(url);
    before.kill();
    await page.getByText("Connection lost").waitFor();
    expect((await before.exited()).code).toBe(0);
    using after = new ExampleProcess("typed-chat", ["--port", new URL(url).port]);
    await urlOf(after);
    await page.getByRole("status").getByText("Connected", { exact: true }).waitFor();
    await say(page, "here again");
    await page.locator("#log .said", { hasText: "here again" }).waitFor();
    expect(errors).toEqual([]);
    await page.close();
  });
});
