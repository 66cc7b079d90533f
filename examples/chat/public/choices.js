/** The four frameworks to choose from, as radio buttons. */
import { byId, element } from "./elements.js";

/** @import { Framework, Member } from "../src/messages.ts" */

/** @type {readonly Framework[]} */
export const FRAMEWORKS = ["Fastify", "Express", "Koa", "Hono"];
const SETTLE = 250; // ms: an arrow key passes over frameworks that are not meant

export class Choices {
  /** @type {Map<string, { input: HTMLInputElement, port: HTMLElement, here: HTMLElement }>} */
  #cards = new Map();

  /**
   * @param {Framework} chosen
   * @param {(framework: Framework) => void} onChoose
   */
  constructor(chosen, onChoose) {
    let timer = 0;
    for (const framework of FRAMEWORKS) {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "framework", value: framework });
      input.checked = framework === chosen;
      input.addEventListener("change", () => {
        clearTimeout(timer);
        timer = setTimeout(() => onChoose(framework), SETTLE);
      });
      const port = element("span", { class: "choice-port" });
      const here = element("span", { class: "choice-here" });
      this.#cards.set(framework, { input, port, here });
      const name = element("span", { class: "choice-name" }, framework);
      byId("choices", HTMLFieldSetElement).append(
        element("label", { class: "choice", "data-framework": framework }, input, name, port, here),
      );
    }
  }

  /** @param {{ framework: string, port: number }[]} servers */
  showPorts(servers) {
    for (const { framework, port } of servers) {
      const card = this.#cards.get(framework);
      if (card !== undefined) card.port.textContent = `port ${port}`;
    }
  }

  /** @param {Iterable<Member> | undefined} members - undefined: nobody knows */
  showMembers(members) {
    const all = members === undefined ? undefined : [...members];
    for (const [framework, { here }] of this.#cards) {
      if (all === undefined) {
        here.textContent = "";
        continue;
      }
      const count = all.filter((member) => member.framework === framework).length;
      here.textContent = count === 0 ? "nobody here" : `${count} here`;
    }
  }
}
