/** The page: what it sends and reads has the types of the server's schemas, with dates as the strings that they become. */
import {
  connect,
  reconnect,
  type ClientConn,
  type ClientIn,
  type ClientOut,
} from "@longwire/client";
import type { chat } from "./contract.ts";

const state = find("#state", HTMLElement);
const people = find("#people", HTMLElement);
const log = find("#log", HTMLElement);
const form = find("#form", HTMLFormElement);
const text = find("#text", HTMLInputElement);

function find<T extends Element>(selector: string, type: new () => T): T {
  const element = document.querySelector(selector);
  if (element instanceof type) return element;
  throw new TypeError(`the page has no ${selector}`);
}

type Conn = ClientConn<ClientIn<typeof chat>, ClientOut<typeof chat>>;

let conn: Conn;

function open(): Conn {
  conn = connect<typeof chat>("/chat");
  conn.opened.then(
    () => (state.textContent = "Connected"),
    () => {},
  );
  void conn.closed.then(() => (state.textContent = "Connection lost, trying again"));
  return conn;
}

function add(className: string, words: string, at?: string): void {
  const entry = document.createElement("p");
  entry.className = className;
  entry.textContent = words;
  if (at !== undefined) {
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = new Date(at).toLocaleTimeString();
    entry.prepend(time, " ");
  }
  log.append(entry);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  conn.send({ text: text.value });
  text.value = "";
});

for await (const message of reconnect(open)) {
  if (message.kind === "said") add("said", message.text, message.at);
  else if (message.kind === "here") people.textContent = String(message.people);
  else add("refused", `${message.path}: ${message.reason}`);
}
