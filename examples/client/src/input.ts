/** Lines of standard input, with a prompt where somebody types them. */

import { clearLine, createInterface, cursorTo, type Interface } from "node:readline";
import type { Screen } from "./screen.ts";

/** Reads lines until the input ends or {@link Interface.close} is called. */
export function openInput(screen: Screen): Interface {
  const { stdin, stdout } = process;
  const typed = stdin.isTTY && stdout.isTTY;
  const input = createInterface({
    input: stdin,
    ...(typed ? { output: stdout, prompt: "> " } : {}),
    crlfDelay: Infinity,
  });
  if (!typed) return input;
  screen.hidePrompt = () => {
    cursorTo(stdout, 0);
    clearLine(stdout, 0);
  };
  screen.showPrompt = () => input.prompt(true);
  input.once("close", () => {
    screen.hidePrompt();
    screen.hidePrompt = () => {};
    screen.showPrompt = () => {};
  });
  input.prompt();
  return input;
}
