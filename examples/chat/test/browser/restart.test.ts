/** The chat page while its four servers go away and come back as another process. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAMEWORKS } from "../../src/messages.ts";
import { build, ChatProcess, fourFreePorts } from "../chat-process.ts";
import { Chromium, connected, keepPicture, pathOf, say } from "./chromium.ts";

let browser: Chromium;

beforeAll(async () => {
  build();
  browser = await Chromium.launch();
}, 120_000);

afterAll(async () => {
  await browser.close();
});

describe("a restart of the servers", () => {
  it("is survived through every framework", async () => {
    const first = await fourFreePorts();
    const url = `http://127.0.0.1:${first}/`;
    using before = await ChatProcess.open(first);
    const windows = [];
    for (const framework of FRAMEWORKS) {
      windows.push(await browser.open(url, { framework, name: framework }));
    }
    expect(await before.stop()).toBe(0);
    for (const { page } of windows) await page.locator('#state[data-state="lost"]').waitFor();
    using after = await ChatProcess.open(first);
    for (const [index, framework] of FRAMEWORKS.entries()) {
      const { page } = windows[index] ?? {};
      if (page !== undefined) await connected(page, framework);
    }
    const [sender, ...readers] = windows;
    if (sender !== undefined) await say(sender.page, "here again");
    for (const { page } of readers) await pathOf(page, "here again");
    for (const { context } of windows) await context.close();
    await after.stop();
  });

  it("is told in words, and loses nothing that was being typed", async () => {
    const first = await fourFreePorts();
    using before = await ChatProcess.open(first);
    const { page, context } = await browser.open(`http://127.0.0.1:${first}/`, {
      framework: "Koa",
    });
    await page.evaluate(() => (Math.random = () => 100)); // a wait longer than this test
    await before.stop();
    await page.getByRole("status").getByText("trying again").waitFor();
    await keepPicture(page, "restarting");
    const box = page.getByLabel("Message", { exact: true });
    await box.fill("typed meanwhile");
    await box.press("Enter");
    expect(await box.inputValue()).toBe("typed meanwhile");
    using after = await ChatProcess.open(first);
    await page.getByRole("button", { name: "Try now" }).click();
    await connected(page, "Koa");
    await box.press("Enter");
    expect(await pathOf(page, "typed meanwhile")).toMatch(/^Koa to Koa/);
    expect(await box.inputValue()).toBe("");
    expect(await page.locator("#members li").count()).toBe(1);
    await context.close();
    await after.stop();
  });
});
