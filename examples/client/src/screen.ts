/** What is shown: messages on standard output, everything else on standard error, colours on a terminal alone. */

import type { Message } from "@longwire/engine";

/** What is used of a stream of Node's. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): boolean;
}

const ESCAPE = "\u001b[";
const COLOURS = { received: 36, notice: 32, problem: 31, detail: 90 } as const;
type Colour = keyof typeof COLOURS;

/** Characters that would move the cursor or colour the terminal; a message must not do that. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu; // oxlint-disable-line no-control-regex -- these are meant

function visible(text: string): string {
  return text.replaceAll(
    CONTROL,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export class Screen {
  readonly #out: Output;
  readonly #err: Output;
  readonly #colours: boolean;
  /** Takes the line that is being typed away, and puts it back. */
  hidePrompt: () => void = () => {};
  showPrompt: () => void = () => {};

  /** @param environment - NO_COLOR, when it is not empty, switches colours off. */
  constructor(out: Output, err: Output, environment: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.#err = err;
    this.#colours = (environment["NO_COLOR"] ?? "") === "";
  }

  /** A message, each on a line of its own: text as it is, bytes in hexadecimal. */
  message(message: Message): void {
    const text = message.type === 1 ? message.text() : message.data.toString("hex");
    // In a pipe the text is for a program, and arrives unchanged.
    const shown = this.#out.isTTY === true ? visible(text) : text;
    this.#show(this.#out, message.type === 1 ? shown : `binary ${shown}`, "received");
  }

  notice(text: string): void {
    this.#show(this.#err, visible(text), "notice");
  }

  problem(text: string): void {
    this.#show(this.#err, visible(text), "problem");
  }

  detail(text: string): void {
    this.#show(this.#err, visible(text), "detail");
  }

  #show(stream: Output, text: string, colour: Colour): void {
    const coloured = this.#colours && stream.isTTY === true;
    this.hidePrompt();
    stream.write(coloured ? `${ESCAPE}${COLOURS[colour]}m${text}${ESCAPE}0m\n` : `${text}\n`);
    this.showPrompt();
  }
}
