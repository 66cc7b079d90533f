/** The chat page in Chromium: four visitors, four frameworks, one room. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "vitest";
import { startChat, type Chat } from "../../src/chat.ts";
import { FRAMEWORKS, type Framework } from "../../src/messages.ts";
import { Chromium, connected, keepPicture, pathOf, PHONE, say, type Window } from "./chromium.ts";
import { faintTexts, focused } from "./legibility.ts";

let browser: Chromium;
let chat: Chat;
let printed = "";

beforeAll(async () => {
  browser = await Chromium.launch();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  chat = await startChat(0, { write: (text) => (printed += text) });
});

afterEach(async () => {
  await chat.close();
});

const port = (framework: Framework): number | undefined =>
  chat.servers.find((server) => server.framework === framework)?.port;

describe("four visitors through four frameworks", () => {
  it("all send and all read, each message with its path", async () => {
    const windows = new Map<Framework, Window>();
    for (const [index, framework] of FRAMEWORKS.entries()) {
      const name = ["Ada", "Grace", "Radia", "Barbara"][index] ?? "";
      const scheme = index % 2 === 0 ? "light" : "dark";
      windows.set(framework, await browser.open(chat.page, { framework, name, scheme }));
    }
    for (const [sender, { page }] of windows) {
      await say(page, `Hello from ${sender}`);
      for (const [reader, window] of windows) {
        const path = await pathOf(window.page, `Hello from ${sender}`);
        expect(path).toMatch(new RegExp(`^${sender} to ${reader}, (under |about )?\\d+ ms$`));
      }
    }
    for (const { page, errors } of windows.values()) {
      const members = await page.locator("#members li").allInnerTexts();
      expect(members.map((text) => text.split(/\s+/).filter((word) => word !== "you"))).toEqual([
        ["Ada", "Fastify"],
        ["Grace", "Express"],
        ["Radia", "Koa"],
        ["Barbara", "Hono"],
      ]);
      expect(errors).toEqual([]);
    }
    for (const { context } of windows.values()) await context.close();
  });

  it("show who has left", async () => {
    const stays = await browser.open(chat.page, { framework: "Koa", name: "Radia" });
    const goes = await browser.open(chat.page, { framework: "Hono", name: "Barbara" });
    await stays.page.getByText("Barbara joined through Hono").waitFor();
    await goes.context.close();
    await stays.page.getByText("Barbara left Hono").waitFor();
    expect(await stays.page.locator("#members li").count()).toBe(1);
    await stays.context.close();
  });
});

describe("one visitor", () => {
  it.each(FRAMEWORKS)("moves to %s, sees its source, and misses nothing", async (framework) => {
    const other = FRAMEWORKS.find((name) => name !== framework) ?? framework;
    const { page, context, errors } = await browser.open(chat.page, { framework: other });
    await say(page, "said before");
    await pathOf(page, "said before");
    await page.getByRole("radio", { name: framework }).check();
    await connected(page, framework);
    const source = new URL(`../../src/${framework.toLowerCase()}.ts`, import.meta.url);
    await page.locator("#source-file", { hasText: `${framework.toLowerCase()}.ts` }).waitFor();
    expect(`${await page.locator("#source").textContent()}\n`).toBe(readFileSync(source, "utf8"));
    await say(page, "said after");
    expect(await pathOf(page, "said after")).toContain(`${framework} to ${framework}`);
    expect(await page.locator("#log article", { hasText: "said before" }).count()).toBe(1);
    expect(errors).toEqual([]);
    await context.close();
  });

  it.each(FRAMEWORKS)("sees the real 401 of %s without the token", async (framework) => {
    const { page, context, errors } = await browser.open(chat.page, { framework });
    printed = "";
    await page.getByRole("button", { name: "Connect without the token" }).click();
    const refusal = page.locator("#refusal");
    await refusal.getByText("401 Unauthorized").waitFor();
    const text = await refusal.innerText();
    expect(text).toContain(`ws://127.0.0.1:${port(framework)}/chat`);
    expect(text).toContain("close code 1006");
    expect(text).toMatch(/\n(\{"error":"unauthorized"\}|unauthorized)$/);
    const refused = printed.split("\n").filter((line) => line.startsWith(framework));
    expect(refused.filter((line) => /\b401\b/.test(line)).length).toBe(2); // the upgrade and the fetch
    expect(errors.join("\n")).toContain("HTTP Authentication failed"); // what Chromium makes of a 401
    await connected(page, framework); // the visitor's own connection is untouched
    await context.close();
  });

  it("changes the name", async () => {
    const { page, context } = await browser.open(chat.page, { name: "Ada" });
    await page.getByLabel("Your name").fill("Countess");
    await page.getByLabel("Your name").press("Enter");
    await page.locator("#members li", { hasText: "Countess" }).waitFor();
    expect(await page.locator("#members li").count()).toBe(1);
    await context.close();
  });

  it("reads markup as text", async () => {
    const { page, context, errors } = await browser.open(chat.page, { name: "<b>Ada</b>" });
    const text = `<img src=x onerror="document.title='broken in'"><script>alert(1)</script>`;
    await say(page, text);
    await pathOf(page, "<img");
    expect(await page.locator("#log .said-text").innerText()).toBe(text);
    expect(await page.locator("#members li").innerText()).toContain("<b>Ada</b>");
    expect(await page.locator("#log img, #log script, #members b").count()).toBe(0);
    expect(await page.title()).toBe("Longwire chat");
    expect(errors).toEqual([]);
    await context.close();
  });

  it("loads nothing from anywhere else", async () => {
    const { page, context, requests } = await browser.open(chat.page, { framework: "Hono" });
    await say(page, "hello");
    await pathOf(page, "hello");
    expect(requests.length).toBeGreaterThan(5);
    expect(new Set(requests.map((url) => new URL(url).hostname))).toEqual(new Set(["127.0.0.1"]));
    await context.close();
  });
});

describe("keyboard", () => {
  it("reaches everything, always with a visible focus", async () => {
    const { page, context } = await browser.open(chat.page);
    const stops: string[] = [];
    for (;;) {
      await page.keyboard.press("Tab");
      const { what, outline } = await page.evaluate(focused);
      if (what === "nothing" || stops.includes(what)) break;
      expect({ what, visible: outline >= 2 }).toEqual({ what, visible: true });
      stops.push(what);
    }
    expect(stops).toEqual([
      "Skip to the message box",
      "Fastify",
      "Messages",
      "Your name",
      "Message",
      "Send",
      "Connect without the token",
      "How the milliseconds are measured",
    ]);
    await context.close();
  });

  it("does everything", async () => {
    const { page, context } = await browser.open(chat.page);
    const { keyboard } = page;
    const tabTo = async (wanted: string): Promise<void> => {
      for (let presses = 0; presses < 20; presses++) {
        await keyboard.press("Tab");
        if ((await page.evaluate(focused)).what === wanted) return;
      }
      throw new Error(`Tab never came to ${wanted}`);
    };
    await keyboard.press("Tab");
    await keyboard.press("Enter"); // the skip link
    await keyboard.type("typed, not clicked");
    await keyboard.press("Enter");
    expect(await pathOf(page, "typed, not clicked")).toMatch(/^Fastify to Fastify/);
    await tabTo("Fastify");
    await keyboard.press("ArrowDown");
    await keyboard.press("ArrowDown");
    await connected(page, "Koa");
    await tabTo("Connect without the token");
    await keyboard.press("Enter");
    await page.getByText("401 Unauthorized").waitFor();
    await tabTo("How the milliseconds are measured");
    await keyboard.press("Enter");
    await page.getByText("half the best round trip").waitFor();
    await context.close();
  });

  it("scrolls the log, which is a polite live region", async () => {
    const { page, context } = await browser.open(chat.page);
    const log = page.getByRole("log", { name: "Messages" });
    expect(await log.getAttribute("aria-live")).toBe("polite");
    for (let i = 1; i <= 12; i++) await say(page, `line ${i}`);
    await pathOf(page, "line 12");
    const end = await log.evaluate((element) => element.scrollTop);
    expect(end).toBeGreaterThan(0);
    await log.focus();
    await page.keyboard.press("Home");
    await expect.poll(() => log.evaluate((element) => element.scrollTop)).toBe(0);
    const other = await browser.open(chat.page, { name: "Grace", framework: "Express" });
    await say(other.page, "unseen at first");
    await pathOf(page, "unseen at first");
    expect(await log.evaluate((element) => element.scrollTop)).toBe(0); // the reader is not torn away
    await page.getByRole("button", { name: "Newest messages" }).press("Enter");
    await expect.poll(() => log.evaluate((element) => element.scrollTop)).toBeGreaterThan(end);
    await context.close();
    await other.context.close();
  });
});

describe.each(["light", "dark"] as const)("%s scheme", (scheme) => {
  it("is legible, on a desk and on a phone", async () => {
    const others = [
      await browser.open(chat.page, { framework: "Koa", name: "Radia" }),
      await browser.open(chat.page, { framework: "Hono", name: "Barbara" }),
      await browser.open(chat.page, { framework: "Express", name: "Grace" }),
    ];
    const desk = await browser.open(chat.page, { scheme });
    const phone = await browser.open(chat.page, { scheme, size: PHONE, name: "Frances" });
    const texts = [
      "Does everybody read this?",
      "Yes, over Koa.",
      "Hono reads it too.",
      "And Express.",
    ];
    for (const [index, { page }] of [desk, ...others].entries()) {
      await say(page, texts[index] ?? "");
      await pathOf(phone.page, texts[index] ?? "");
    }
    for (const { page } of [desk, phone]) {
      await page.getByRole("button", { name: "Connect without the token" }).click();
      await page.getByText("401 Unauthorized").waitFor();
    }
    await keepPicture(desk.page, `desk-${scheme}`);
    await keepPicture(phone.page, `phone-${scheme}`, true);
    for (const { page } of [desk, phone]) {
      expect(await page.evaluate(faintTexts, 4.5)).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBe(0);
    }
    await phone.page.setViewportSize({ width: 320, height: 568 });
    const overflow = await phone.page.evaluate(
      () => document.documentElement.scrollWidth - innerWidth,
    );
    expect(overflow).toBe(0);
    for (const { context } of [desk, phone, ...others]) await context.close();
  });
});
