/** Tells how the connection is doing: in words for everybody, with a countdown for those who see it. */
import { byId } from "./elements.js";

/** @import { Status } from "./connection.js" */

export class StateBar {
  #bar = byId("state", HTMLElement);
  #text = byId("state-text", HTMLElement);
  #countdown = byId("countdown", HTMLElement);
  #retry = byId("retry", HTMLButtonElement);
  #timer = 0;

  /** @param {() => void} onRetry */
  constructor(onRetry) {
    this.#retry.addEventListener("click", onRetry);
  }

  /** @param {Status} status */
  show(status) {
    const lost = status.failures > 0 && status.state !== "open";
    this.#bar.dataset["state"] = lost ? "lost" : status.state;
    const words = wordsFor(status);
    if (this.#text.textContent !== words) this.#text.textContent = words; // a live region: say it once
    this.#retry.hidden = !lost;
    this.#countDown(lost ? status : undefined);
  }

  /** @param {Status | undefined} status */
  #countDown(status) {
    clearInterval(this.#timer);
    this.#countdown.hidden = status === undefined;
    if (status === undefined) return;
    const until = performance.now() + (status.delay ?? 0);
    const tick = () => {
      const left = Math.max(0, until - performance.now());
      const when = left === 0 ? "now" : `in ${(left / 1000).toFixed(1)} s`;
      this.#countdown.textContent = `attempt ${status.failures} ${when}`;
      if (left === 0) clearInterval(this.#timer);
    };
    this.#timer = setInterval(tick, 100);
    tick();
  }
}

/** @param {Status} status */
function wordsFor({ state, place, failures, why }) {
  if (state === "open") return `Connected through ${place.framework}`;
  return failures > 0 ? `${why}, trying again` : `Connecting through ${place.framework}`;
}
