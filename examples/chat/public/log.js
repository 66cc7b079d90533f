/** The message log: what was said, by whom, and along which path it came. */
import { byId, element, frameworkName } from "./elements.js";
import { inWords } from "./clock.js";

/** @import { Framework, Member, Said } from "../src/messages.ts" */

const KEPT_ENTRIES = 300;
const NEAR_END = 48; // px from the end of the log that still count as reading along
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export class Log {
  #log = byId("log", HTMLElement);
  #empty = byId("empty", HTMLElement);
  #newest = byId("newest", HTMLButtonElement);
  /** @type {Set<string>} */
  #shown = new Set();

  constructor() {
    this.#newest.addEventListener("click", () => {
      this.#scrollToEnd();
      this.#log.focus();
    });
    this.#log.addEventListener("scroll", () => {
      if (this.#readingAlong()) this.#newest.hidden = true;
    });
    new ResizeObserver(() => this.#newest.hidden && this.#scrollToEnd()).observe(this.#log);
  }

  /**
   * Shows one message, once. `measured` is absent for messages from before this page came.
   *
   * @param {Said} said
   * @param {boolean} mine
   * @param {Framework} to
   * @param {{ elapsed: number, error: number }} [measured]
   */
  said(said, mine, to, measured) {
    if (this.#shown.has(said.id)) return;
    this.#shown.add(said.id);
    const { from, text, time } = said;
    const path =
      measured === undefined
        ? ["sent through ", frameworkName(from.framework)]
        : [frameworkName(from.framework), " to ", frameworkName(to), `, ${inWords(measured)}`];
    this.#append(
      element(
        "article",
        {
          class: mine ? "said mine" : "said",
          "data-framework": from.framework,
          "data-id": said.id,
        },
        element(
          "p",
          { class: "said-head" },
          element("strong", { class: "who" }, from.name),
          mine ? element("span", { class: "you" }, "you") : "",
          element("time", { datetime: time }, timeOfDay.format(new Date(time))),
        ),
        element("p", { class: "said-text" }, text),
        element("p", { class: "path" }, ...path),
      ),
      mine,
    );
  }

  /** @param {Member} member */
  joined(member) {
    this.#notice(member.name, " joined through ", frameworkName(member.framework));
  }

  /** @param {Member} member */
  left(member) {
    this.#notice(member.name, " left ", frameworkName(member.framework));
  }

  /** @param {...(Node | string)} content */
  #notice(...content) {
    this.#append(element("p", { class: "notice" }, ...content), false);
  }

  /**
   * @param {HTMLElement} entry
   * @param {boolean} follow
   */
  #append(entry, follow) {
    const atEnd = follow || this.#readingAlong();
    this.#empty.hidden = true;
    this.#log.append(entry);
    while (this.#log.childElementCount > KEPT_ENTRIES) {
      const oldest = this.#log.children[1]; // children[0] is the hint for an empty log
      if (oldest instanceof HTMLElement) this.#shown.delete(oldest.dataset["id"] ?? "");
      oldest?.remove();
    }
    if (atEnd) this.#scrollToEnd();
    else this.#newest.hidden = false;
  }

  #readingAlong() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#newest.hidden = true;
  }
}
