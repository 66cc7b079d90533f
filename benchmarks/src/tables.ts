/** Tables of results in Markdown. */

import { ratio, summarize, type Result, type SubjectResult } from "./results.ts";

/** The first row names the columns. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const lines = [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...body];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Three digits, or all before the point: `1.23`, `12.3`, `123`, `1,234`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  const [whole = "", rest] = value.toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/gu, ",");
  return rest === undefined ? grouped : `${grouped}.${rest}`;
}

const times = (value: number | undefined): string =>
  value === undefined ? "–" : `${figure(value)} ×`;

function memoryRow(result: Result, subject: SubjectResult): string[] {
  const { median, least, most } = summarize(subject).cost;
  const kib = (bytes: number): string => (bytes / 1024).toFixed(2);
  const ws = ratio(result, subject.id, "ws");
  return [
    subject.label,
    kib(median),
    `${kib(least)}–${kib(most)}`,
    ws === undefined ? "–" : (1 / ws).toFixed(2),
  ];
}

function loadRow(result: Result, subject: SubjectResult): string[] {
  const { cost, throughput, p50, p99 } = summarize(subject);
  return [
    subject.label,
    figure(cost.median),
    `${figure(cost.least)}–${figure(cost.most)}`,
    figure(1e6 / cost.median),
    times(ratio(result, subject.id, "ws")),
    times(ratio(result, subject.id, "uws")),
    figure(throughput),
    p50 === 0 ? "–" : `${figure(p50)} / ${figure(p99)}`,
  ];
}

export function resultTable(result: Result): string {
  if (result.unit === "connection") {
    const head = ["server", "KiB per connection", "least–most", "of ws"];
    return markdownTable([head, ...result.subjects.map((subject) => memoryRow(result, subject))]);
  }
  const { unit } = result;
  const head = [
    "server",
    `CPU µs per ${unit}`,
    "least–most",
    `per CPU second`,
    "against ws",
    "against uWS",
    `per second`,
    "p50 / p99 µs",
  ];
  return markdownTable([head, ...result.subjects.map((subject) => loadRow(result, subject))]);
}
