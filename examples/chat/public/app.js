/** Puts the page together: what the visitor does goes to the connection, what arrives goes to the view. */
import { byId } from "./elements.js";
import { Choices, FRAMEWORKS } from "./choices.js";
import { Connection } from "./connection.js";
import { ServerClock } from "./clock.js";
import { highlightedLines } from "./highlight.js";
import { Log } from "./log.js";
import { Members } from "./members.js";
import { showRefusal } from "./refusal.js";
import { StateBar } from "./state-bar.js";

/** @import { Framework, ServerMessage } from "../src/messages.ts" */

const GUESTS = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Radia"];

const nameInput = byId("name", HTMLInputElement);
const textInput = byId("text", HTMLInputElement);
const refuse = byId("refuse", HTMLButtonElement);

const place = { framework: rememberedFramework(), name: rememberedName() };
nameInput.value = place.name;

let clock = new ServerClock();
/** @type {import("./connection.js").Server[]} */
let servers = [];
/** The ids this page has had: a new one with every connection. @type {Set<string>} */
const mine = new Set();

const log = new Log();
const choices = new Choices(place.framework, (framework) => moveTo({ framework }));
const members = new Members((present) => choices.showMembers(present));
const stateBar = new StateBar(() => {
  connection.retry();
  textInput.focus();
});
const connection = new Connection((status) => {
  stateBar.show(status);
  if (status.state === "waiting") members.clear();
  if (status.servers === undefined) return;
  clock = new ServerClock(); // this may be another process than before
  servers = status.servers;
  choices.showPorts(servers);
}, receive);

/** @param {ServerMessage} message */
function receive(message) {
  const now = performance.now();
  switch (message.type) {
    case "clock":
      clock.compare(message.sent, message.time, now);
      byId("accuracy", HTMLElement).textContent = `: here ${clock.error?.toFixed(1)} ms`;
      return;
    case "welcome":
      mine.add(message.you);
      members.replace(message.you, message.members);
      for (const said of message.earlier) log.said(said, mine.has(said.from.id), place.framework);
      showSource(message.source);
      return;
    case "said":
      log.said(message, mine.has(message.from.id), place.framework, clock.since(message.at, now));
      return;
    case "joined":
      members.add(message.member);
      log.joined(message.member);
      return;
    case "left":
      members.remove(message.member);
      log.left(message.member);
  }
}

/** @param {{ file: string, text: string }} source */
function showSource({ file, text }) {
  byId("source-file", HTMLElement).textContent = file;
  byId("source", HTMLElement).firstElementChild?.replaceChildren(...highlightedLines(text));
}

/** @param {Partial<typeof place>} change */
function moveTo(change) {
  Object.assign(place, change);
  sessionStorage.setItem("framework", place.framework);
  sessionStorage.setItem("name", place.name);
  connection.join({ ...place });
}

/** @returns {Framework} */
function rememberedFramework() {
  const remembered = sessionStorage.getItem("framework");
  return FRAMEWORKS.find((framework) => framework === remembered) ?? "Fastify";
}

function rememberedName() {
  const guest = GUESTS[Math.floor(Math.random() * GUESTS.length)] ?? "Guest";
  return sessionStorage.getItem("name") ?? guest;
}

function rename() {
  const name = nameInput.value.trim();
  if (name === "") nameInput.value = place.name;
  else if (name !== place.name) moveTo({ name });
}

nameInput.addEventListener("change", rename);
byId("name-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  rename();
  textInput.focus();
});

byId("say-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textInput.value.trim();
  if (text !== "" && connection.send({ type: "say", text })) textInput.value = "";
  textInput.focus(); // what could not be sent stays in the box
});

refuse.addEventListener("click", () => {
  const server = servers.find(({ framework }) => framework === place.framework);
  if (server !== undefined) void showRefusal(server.port);
});

moveTo({});
