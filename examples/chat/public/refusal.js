/**
 * Connects without the token and shows the refusal.
 *
 * A browser tells a script nothing about a WebSocket that was refused: no status, no body, only close code 1006.
 * So the page makes the attempt for real, and asks the same URL once more with fetch, again without a token.
 * The same guard answers both; fetch is allowed to read what it says.
 */
import { byId, element } from "./elements.js";
import { chatUrl, protocolsFor } from "./connection.js";

/**
 * @param {URL} url
 * @returns {Promise<string>}
 */
function attemptSocket(url) {
  const { promise, resolve } = Promise.withResolvers();
  const socket = new WebSocket(url, protocolsFor());
  socket.addEventListener("open", () => {
    socket.close(1000);
    resolve("It opened. That should not have happened.");
  });
  socket.addEventListener("close", ({ code }) =>
    resolve(`Failed before it opened, close code ${code}. The browser says no more.`),
  );
  return promise;
}

/** @param {URL} url */
async function attemptFetch(url) {
  const response = await fetch(url, { cache: "no-store", credentials: "omit" });
  return {
    status: response.status,
    text: response.statusText,
    type: response.headers.get("content-type") ?? "",
    body: await response.text(),
  };
}

/**
 * Makes both attempts on one server and writes down what came of them.
 *
 * @param {number} port
 */
export async function showRefusal(port) {
  const place = byId("refusal", HTMLElement);
  place.replaceChildren(element("p", {}, "Connecting without a token"));
  const http = chatUrl(port);
  const socket = chatUrl(port);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  try {
    const [failed, answer] = await Promise.all([attemptSocket(socket), attemptFetch(http)]);
    const status = element("strong", { class: "status" }, `${answer.status} ${answer.text}`);
    place.replaceChildren(
      element(
        "dl",
        {},
        element("dt", {}, "WebSocket ", element("code", {}, socket.href)),
        element("dd", {}, failed),
        element("dt", {}, "fetch ", element("code", {}, http.href)),
        element(
          "dd",
          {},
          element("pre", {}, status, `\ncontent-type: ${answer.type}\n\n${answer.body}`),
        ),
      ),
    );
  } catch {
    place.replaceChildren(element("p", {}, "No answer: the server cannot be reached."));
  }
  place.scrollIntoView({ block: "nearest" });
}
