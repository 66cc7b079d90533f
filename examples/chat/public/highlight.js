/** Colours TypeScript well enough for a page of fifteen lines: a tokenizer, not a parser. */
import { element } from "./elements.js";

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>\/\/.*|\/\*[\s\S]*?\*\/)`,
    String.raw`(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\`(?:[^\`\\]|\\.)*\`)`,
    String.raw`(?<keyword>\b(?:async|await|const|else|export|for|from|function|if|import|new|of|return|type|undefined|void)\b)`,
    String.raw`(?<number>\b\d[\d_.]*\b)`,
    String.raw`(?<call>\b[A-Za-z_$][\w$]*(?=\())`,
    String.raw`(?<name>\b[A-Z][\w$]*\b)`,
  ].join("|"),
  "g",
);

/**
 * Splits source text into [kind, text] pairs; joined again they are the source. Kind is "" for plain text.
 *
 * @param {string} source
 * @returns {[kind: string, text: string][]}
 */
export function tokens(source) {
  /** @type {[string, string][]} */
  const found = [];
  let at = 0;
  for (const match of source.matchAll(TOKEN)) {
    if (match.index > at) found.push(["", source.slice(at, match.index)]);
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined);
    found.push([kind?.[0] ?? "", match[0]]);
    at = match.index + match[0].length;
  }
  if (at < source.length) found.push(["", source.slice(at)]);
  return found;
}

/**
 * Source text as one element a line, coloured.
 *
 * @param {string} source
 * @returns {HTMLElement[]}
 */
export function highlightedLines(source) {
  let line = element("span", { class: "line" });
  const lines = [line];
  for (const [kind, text] of tokens(source.trimEnd())) {
    for (const [index, part] of text.split("\n").entries()) {
      if (index > 0) {
        line.append("\n");
        lines.push((line = element("span", { class: "line" })));
      }
      if (part !== "") line.append(kind === "" ? part : element("span", { class: kind }, part));
    }
  }
  return lines;
}
