/** Tables of results in Markdown. */

import { ratio, summarize, type Result, type SubjectResult, type Summary } from "./results.ts";

/**
 * The first row names the columns.
 *
 * @param texts - How many columns hold text, before those with figures.
 */
export function markdownTable(rows: readonly (readonly string[])[], texts = 1): string {
  const [head = [], ...body] = rows;
  const lines = [head, head.map((_, column) => (column < texts ? "---" : "---:")), ...body];
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

/** A column of what is only true of servers. */
interface Column {
  readonly head: string;
  of(summary: Summary): string;
}

const PER_CPU_SECOND: Column = {
  head: "per CPU second",
  of: ({ cost }) => figure(1e6 / cost.median),
};
const PER_SECOND: Column = { head: "per second", of: ({ throughput }) => figure(throughput) };
const LATENCY: Column = {
  head: "p50 / p99 / p99.9 µs",
  of: ({ p50, p99, p999 }) => [p50, p99, p999].map(figure).join(" / "),
};
const COMPRESSED_BYTES: Column = {
  head: "bytes back",
  of: ({ compressedBytes }) => figure(compressedBytes),
};

function servedColumns(result: Result): Column[] {
  if (result.unit === "call") return [];
  const summaries = result.subjects.map(summarize);
  return [
    PER_CPU_SECOND,
    PER_SECOND,
    ...(summaries.some(({ p50 }) => p50 > 0) ? [LATENCY] : []),
    ...(summaries.some(({ compressedBytes }) => compressedBytes > 0) ? [COMPRESSED_BYTES] : []),
  ];
}

/** What each subject costs and how that compares. */
export function resultTable(result: Result): string {
  const { unit } = result;
  if (unit === "connection") return memoryTable(result);
  const compared = comparisons(result);
  const served = servedColumns(result);
  const head = [
    "server",
    `CPU ${unit === "call" ? "ns per message" : `µs per ${unit}`}`,
    "least–most",
    ...compared.map((column) => column.head),
    ...served.map((column) => column.head),
  ];
  const rows = result.subjects.map((subject) => {
    const summary = summarize(subject);
    const { median, least, most } = summary.cost;
    return [
      subject.label,
      figure(median),
      `${figure(least)}–${figure(most)}`,
      ...compared.map((column) => times(column.of(subject))),
      ...served.map((column) => column.of(summary)),
    ];
  });
  return markdownTable([head, ...rows]);
}
