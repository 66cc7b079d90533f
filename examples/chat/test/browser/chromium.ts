/** Chromium with one window per visitor, each in its own scheme and size. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import type { Framework } from "../../src/messages.ts";

const EXECUTABLE = process.env["LONGWIRE_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const ARTIFACTS = fileURLToPath(new URL("../../../../artifacts/chat/", import.meta.url));

export const DESKTOP = { width: 1360, height: 860 } as const;
export const PHONE = { width: 390, height: 844 } as const;

export interface WindowOptions {
  readonly framework?: Framework;
  readonly name?: string;
  readonly scheme?: "light" | "dark";
  readonly size?: { readonly width: number; readonly height: number };
}

/** One visitor's window. */
export interface Window {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What went wrong in the page: uncaught errors, and console errors, a blocked resource among them. */
  readonly errors: readonly string[];
  /** Every address that the page asked for. */
  readonly requests: readonly string[];
}

export class Chromium {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<Chromium> {
    return new Chromium(await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS }));
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  /** Opens the page in a window of its own and waits until it is connected. */
  async open(url: string, o: WindowOptions = {}): Promise<Window> {
    const context = await this.#browser.newContext({
      viewport: { ...(o.size ?? DESKTOP) },
      colorScheme: o.scheme ?? "light",
      deviceScaleFactor: o.size === PHONE ? 2 : 1,
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const errors: string[] = [];
    const requests: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("request", (request) => requests.push(request.url()));
    page.on("websocket", (socket) => requests.push(socket.url()));
    await page.addInitScript(
      ([framework, name]) => {
        if (sessionStorage.getItem("name") !== null) return; // a reload
        sessionStorage.setItem("framework", framework);
        sessionStorage.setItem("name", name);
      },
      [o.framework ?? "Fastify", o.name ?? "Ada"] as const,
    );
    await page.goto(url);
    await connected(page);
    return { page, context, errors, requests };
  }
}

/** Waits until the page says that it is connected, through this framework if one is named. */
export async function connected(page: Page, framework: Framework | "" = ""): Promise<void> {
  await page
    .locator('#state[data-state="open"]', { hasText: `Connected through ${framework}` })
    .waitFor();
}

/** Writes a message as a visitor does. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

/** Waits for a message in the log and gives the line that tells its path. */
export async function pathOf(page: Page, text: string): Promise<string> {
  const entry = page.locator("#log article", { hasText: text });
  await entry.waitFor();
  return entry.locator(".path").innerText();
}

/** Keeps a picture of the window: what one sees, or the whole page. */
export async function keepPicture(page: Page, name: string, fullPage = false): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: `${ARTIFACTS}${name}.png`, fullPage });
}
