/** Who is in the room, and through which framework. */
import { byId, element, frameworkName } from "./elements.js";

/** @import { Member } from "../src/messages.ts" */

export class Members {
  #list = byId("members", HTMLUListElement);
  #count = byId("count", HTMLElement);
  /** @type {Map<string, Member>} */
  #present = new Map();
  #you = "";
  /** @type {(members: Iterable<Member> | undefined) => void} */
  #onChange;

  /** @param {(members: Iterable<Member> | undefined) => void} onChange - undefined: nobody knows */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /**
   * Starts over with a whole list.
   *
   * @param {string} you
   * @param {readonly Member[]} members
   */
  replace(you, members) {
    this.#you = you;
    this.#present = new Map(members.map((member) => [member.id, member]));
    this.#show();
  }

  /** Shows nothing: without a connection nobody knows. */
  clear() {
    this.replace("", []);
    this.#count.textContent = "";
    this.#onChange(undefined);
  }

  /** @param {Member} member */
  add(member) {
    this.#present.set(member.id, member);
    this.#show();
  }

  /** @param {Member} member */
  remove(member) {
    this.#present.delete(member.id);
    this.#show();
  }

  #show() {
    const rows = [...this.#present.values()].map(({ id, name, framework }) =>
      element(
        "li",
        { class: "member", "data-framework": framework },
        element("span", { class: "member-name" }, name),
        id === this.#you ? element("span", { class: "you" }, "you") : "",
        frameworkName(framework),
      ),
    );
    this.#list.replaceChildren(...rows);
    this.#count.textContent = String(rows.length);
    this.#onChange(this.#present.values());
  }
}
