/** Report: `docs/performance.md` and its plots, from the results in `results/`. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { blocksOf, fillBlocks } from "./document.ts";
import { barPlot, linePlot, type Bar, type Line } from "./plot.ts";
import { OWN_VERSION } from "./library-version.ts";
import { readResults, summarize, type Result, type SubjectResult } from "./results.ts";
import { figure, markdownTable, resultTable } from "./tables.ts";
import { targetTable } from "./targets.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const FORMATTER = fileURLToPath(new URL("../../node_modules/.bin/oxfmt", import.meta.url));
const PLOTS = "performance";

interface Rendered {
  readonly markdown: string;
  /** Absent where there is nothing to draw. */
  readonly svg?: string;
}

const nodeOf = (result: Result): string => `Node ${result.node.replace(/^v/u, "")}`;
const isOurs = ({ id }: SubjectResult): boolean => id.startsWith("longwire");

/** Nodes with their results, the lowest version first. */
function byNode(results: readonly Result[]): Map<string, Result[]> {
  const sorted = results.toSorted((a, b) => a.node.localeCompare(b.node, "en", { numeric: true }));
  const map = new Map<string, Result[]>();
  for (const result of sorted) {
    const node = nodeOf(result);
    map.set(node, [...(map.get(node) ?? []), result]);
  }
  return map;
}

function origin(results: readonly Result[]): string {
  const commits = [...new Set(results.map(({ commit }) => commit))].join(", ");
  const { rounds, seconds, rate } = results[0] ?? {};
  const offered =
    rate === undefined
      ? ""
      : ` Offered: ${results.map((r) => figure(r.rate ?? 0)).join(" and ")} a second.`;
  return `Commit ${commits}, ${rounds} rounds of ${seconds} s.${offered}`;
}

/* ---- one workload ---- */

function barOf(workload: Workload, subject: SubjectResult): Bar {
  const { cost, p99 } = summarize(subject);
  const base = { label: subject.label.replaceAll("`", ""), ours: isOurs(subject) };
  if (workload.group === "latency") {
    return { ...base, value: p99, least: p99, most: p99, text: `${figure(p99)} µs` };
  }
  if (workload.unit === "connection") {
    const [value, least, most] = [cost.median / 1024, cost.least / 1024, cost.most / 1024];
    return { ...base, value, least, most, text: `${figure(value)} KiB` };
  }
  const value = 1e6 / cost.median;
  return { ...base, value, least: 1e6 / cost.most, most: 1e6 / cost.least, text: figure(value) };
}

const PLURALS: Readonly<Record<Workload["unit"], string>> = {
  message: "messages",
  delivery: "deliveries",
  handshake: "handshakes",
  connection: "connections",
  call: "calls",
};

function plotNote(workload: Workload): string {
  if (workload.group === "latency") return "p99 in µs; less is better";
  if (workload.unit === "connection") return "KiB per connection; less is better";
  return `${PLURALS[workload.unit]} per second of the server's CPU time; more is better`;
}

function renderWorkload(workload: Workload, results: readonly Result[]): Rendered {
  const groups = results.map((result) => ({
    title: nodeOf(result),
    bars: result.subjects.map((subject) => barOf(workload, subject)),
  }));
  const tables = results.map((result) => `${nodeOf(result)}:\n\n${resultTable(result)}`);
  return {
    svg: barPlot(workload.title, plotNote(workload), groups),
    markdown: [
      `### ${workload.title}`,
      `${workload.about} ${origin(results)}`,
      `![${workload.title}](${PLOTS}/${workload.id}.svg)`,
      ...tables,
    ].join("\n\n"),
  };
}

/* ---- a series ---- */

function costsOf(
  workloads: readonly Workload[],
  results: readonly Result[],
  subject: string,
): (number | undefined)[] {
  return workloads.map((workload) => {
    const result = results.find((one) => one.workload === workload.id);
    const found = result?.subjects.find(({ id }) => id === subject);
    const share = workload.series?.divides === true ? workload.series.at : 1;
    return found === undefined ? undefined : summarize(found).cost.median / share;
  });
}

function renderSeries(workloads: readonly Workload[], results: readonly Result[]): Rendered {
  const [first] = workloads;
  if (first?.series === undefined) throw new Error("a series without workloads");
  const { id, title, of, divides = false } = first.series;
  const time = first.unit === "call" ? "ns" : "µs";
  const each = divides ? "KiB" : first.unit === "call" ? "message" : first.unit;
  const nodes = byNode(results);
  const lines = [...nodes].flatMap(([node, own]): Line[] => {
    return (own[0]?.subjects ?? []).map((subject) => ({
      label: `${subject.label.split(",", 1)[0]}, ${node.split(".", 1)[0]}`,
      ours: isOurs(subject),
      values: costsOf(workloads, own, subject.id),
    }));
  });
  const positions = workloads.map(({ series }) => (series?.at ?? 0).toLocaleString("en"));
  const rows = positions.map((position, index) => [
    position,
    ...lines.map(({ values }) => {
      const value = values[index];
      return value === undefined ? "–" : figure(value);
    }),
  ]);
  return {
    svg: linePlot(
      title,
      `CPU ${time} per ${each}, by ${of}`,
      positions,
      lines,
      first.unit === "call",
    ),
    markdown: [
      `### ${title}`,
      `CPU ${time} per ${each}, by ${of}. ${origin(results)}`,
      `![${title}](${PLOTS}/${id}.svg)`,
      markdownTable([[of, ...lines.map(({ label }) => label)], ...rows]),
    ].join("\n\n"),
  };
}

/* ---- the document ---- */

function machineTable(results: readonly Result[]): string {
  const unique = (values: readonly string[]): string => [...new Set(values)].join(" and ");
  const versions = new Map<string, string>(); // one name for each
  for (const subject of results.flatMap(({ subjects }) => subjects)) {
    if (isOurs(subject) || versions.has(subject.version)) continue;
    versions.set(subject.version, subject.label.split(", ").at(-1) ?? subject.label);
  }
  versions.delete(OWN_VERSION);
  const rows = [
    ["what", "which"],
    ["machine", unique(results.map(({ machine }) => machine))],
    ["days", unique(results.map(({ date }) => date).toSorted())],
    ["Node", unique([...byNode(results).keys()])],
    ...[...versions].map(([version, name]) => [name, version]),
  ];
  return markdownTable(rows, 2);
}

/** What a block of the document shows. @returns undefined where nothing has been measured. */
export function renderBlock(id: string, results: readonly Result[]): Rendered | undefined {
  if (results.length === 0) return undefined;
  if (id === "machine") return { markdown: machineTable(results) };
  if (id === "targets") return { markdown: targetTable(byNode(results)) };
  const workloads = WORKLOADS.filter((one) => one.id === id || one.series?.id === id);
  const [first] = workloads;
  if (first === undefined) throw new Error(`no workload or series is called ${id}`);
  const own = [...byNode(results).values()]
    .flat()
    .filter(({ workload }) => workloads.some((one) => one.id === workload));
  if (own.length === 0) return undefined;
  return first.series?.id === id ? renderSeries(workloads, own) : renderWorkload(first, own);
}

/** Rewrites the blocks of the document and their plots. @returns Names of blocks without a result. */
export function writeReport(resultsFolder: string): string[] {
  const results = readResults(resultsFolder);
  const file = join(DOCS, "performance.md");
  const document = readFileSync(file, "utf8");
  mkdirSync(join(DOCS, PLOTS), { recursive: true });
  const missing: string[] = [];
  const filled = fillBlocks(document, (id) => {
    const rendered = renderBlock(id, results);
    if (rendered === undefined) missing.push(id);
    if (rendered?.svg !== undefined) writeFileSync(join(DOCS, PLOTS, `${id}.svg`), rendered.svg);
    return rendered?.markdown;
  });
  const blocks = blocksOf(document);
  const homeless = WORKLOADS.map(({ id, series }) => series?.id ?? id).filter(
    (id) => !blocks.includes(id),
  );
  if (homeless.length > 0) {
    throw new Error(`docs/performance.md has no block for ${[...new Set(homeless)].join(", ")}`);
  }
  writeFileSync(file, filled);
  execFileSync(FORMATTER, [file], { stdio: "ignore" }); // tables as all other ones
  return missing;
}
