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

/** A column that says how many times less a subject costs than another one. */
interface Comparison {
  readonly head: string;
  of(subject: SubjectResult): number | undefined;
}

/** With the subject of an id. */
function against(result: Result, head: string, id: string | undefined): Comparison[] {
  if (id === undefined || !result.subjects.some((subject) => subject.id === id)) return [];
  return [{ head: `against ${head}`, of: (subject) => ratio(result, subject.id, id) }];
}

function comparisons(result: Result): Comparison[] {
  const ids = result.subjects.map(({ id }) => id);
  if (result.subjects.some(({ replaces }) => replaces !== undefined)) {
    return [
      ...against(result, "the engine", "longwire"),
      {
        head: "against what it replaces",
        of: ({ id, replaces }) =>
          replaces === undefined ? undefined : ratio(result, id, replaces),
      },
    ];
  }
  const builds = ids.filter((id) => id.includes("@"));
  return [
    ...against(result, "the first", builds[0]),
    ...against(result, "ws", "ws"),
    ...against(result, "uWS", "uws"),
  ];
}

function memoryTable(result: Result): string {
  const head = ["server", "KiB per connection", "least–most", "of ws"];
  const kib = (bytes: number): string => (bytes / 1024).toFixed(2);
  const rows = result.subjects.map((subject) => {
    const { median, least, most } = summarize(subject).cost;
    const ws = ratio(result, subject.id, "ws");
    const share = ws === undefined ? "–" : (1 / ws).toFixed(2);
    return [subject.label, kib(median), `${kib(least)}–${kib(most)}`, share];
  });
  return markdownTable([head, ...rows]);
}

/** What a subject costs, how that compares, and what is only true of servers. */
export function resultTable(result: Result): string {
  const { unit } = result;
  if (unit === "connection") return memoryTable(result);
  const columns = comparisons(result);
  const time = unit === "call" ? "ns per message" : `µs per ${unit}`;
  const served = unit === "call" ? [] : ["per CPU second", "per second", "p50 / p99 / p99.9 µs"];
  const head = [
    "server",
    `CPU ${time}`,
    "least–most",
    ...columns.map(({ head: text }) => text),
    ...served,
  ];
  const rows = result.subjects.map((subject) => {
    const { cost, throughput, p50, p99, p999 } = summarize(subject);
    const latency = p50 > 0 ? [p50, p99, p999].map(figure).join(" / ") : "–";
    return [
      subject.label,
      figure(cost.median),
      `${figure(cost.least)}–${figure(cost.most)}`,
      ...columns.map((column) => times(column.of(subject))),
      ...(unit === "call" ? [] : [figure(1e6 / cost.median), figure(throughput), latency]),
    ];
  });
  return markdownTable([head, ...rows]);
}
