/** Plots as SVG, legible on light and on dark ground. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** What the value is, as text. */
  readonly text: string;
  /** Of Longwire, not of a peer. */
  readonly ours: boolean;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Line {
  readonly label: string;
  readonly ours: boolean;
  /** `undefined` where it was not measured. */
  readonly values: readonly (number | undefined)[];
}

const WIDTH = 760;
const LEFT = 270;
const RIGHT = 90;
const ROW = 24;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .note { fill: #59636e; }
  .axis { stroke: #d1d9e0; }
  .ours { fill: #1a7f5a; stroke: #1a7f5a; }
  .peer { fill: #8c959f; stroke: #8c959f; }
  .range { stroke: #1f2328; stroke-width: 1.5; }
  .line { fill: none; stroke-width: 2; }
  .second { stroke-dasharray: 5 4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .axis { stroke: #3d444d; }
    .ours { fill: #3fb98a; stroke: #3fb98a; }
    .peer { fill: #6e7681; stroke: #6e7681; }
    .range { stroke: #f0f6fc; }
  }
`;

/** Text of an element or an attribute. */
export function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/gu, (character) => names[character] ?? character);
}

/** One digit behind the point is a quarter of a pixel at most. */
const at = (value: number): string => value.toFixed(1);

function words(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${at(x)}" y="${at(y)}"${attributes}>${escapeXml(content)}</text>`;
}

function page(height: number, title: string, parts: readonly string[]): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<style>${STYLE}</style>`,
    words(8, 22, title, ' class="title"'),
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

function drawBar(bar: Bar, y: number, scale: (value: number) => number): string[] {
  const kind = bar.ours ? "ours" : "peer";
  const middle = y + ROW / 2;
  const [from, to] = [scale(bar.least), scale(bar.most)];
  const behind = Math.max(scale(bar.value), to) + 8;
  return [
    words(LEFT - 10, middle + 4.5, bar.label, ' text-anchor="end"'),
    `<rect class="${kind}" x="${LEFT}" y="${at(y + 4)}" width="${at(scale(bar.value) - LEFT)}" height="${ROW - 8}"/>`,
    `<line class="range" x1="${at(from)}" y1="${at(middle)}" x2="${at(to)}" y2="${at(middle)}"/>`,
    words(behind, middle + 4.5, bar.text),
  ];
}

/** Bars from zero on, one below the other; a line across the end of each spans least and most. */
export function barPlot(title: string, note: string, groups: readonly BarGroup[]): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map((bar) => bar.most)));
  const scale = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const parts = [words(8, 42, note, ' class="note"')];
  let y = 56;
  for (const { title: heading, bars } of groups) {
    parts.push(words(8, y + 16, heading, ' class="title"'));
    y += 22;
    for (const bar of bars) {
      parts.push(...drawBar(bar, y, scale));
      y += ROW;
    }
    y += 12;
  }
  parts.push(`<line class="axis" x1="${LEFT}" y1="54" x2="${LEFT}" y2="${y - 8}"/>`);
  return page(y, title, parts);
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

const PLOT = { left: 60, right: 170, top: 60, bottom: 250 } as const;

type Scale = (value: number) => number;

/** From zero, or by powers of ten. @returns The scale and where it has marks. */
function verticalScale(values: readonly number[], logarithmic: boolean): [Scale, number[]] {
  const height = PLOT.bottom - PLOT.top;
  const most = Math.max(...values);
  if (!logarithmic) {
    const top = roundUp(most);
    const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
    return [(value) => PLOT.bottom - (value / top) * height, marks];
  }
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(most));
  const marks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
  return [(value) => PLOT.bottom - ((Math.log10(value) - low) / (high - low)) * height, marks];
}

/** Lines over positions at equal distances: each is twice the one before, or some such step. */
export function linePlot(
  title: string,
  note: string,
  positions: readonly string[],
  lines: readonly Line[],
  logarithmic = false,
): string {
  const values = lines.flatMap((line) => line.values.filter((value) => value !== undefined));
  const [y, marks] = verticalScale(values, logarithmic);
  const width = WIDTH - PLOT.left - PLOT.right;
  const x = (index: number): number =>
    PLOT.left + (index / Math.max(1, positions.length - 1)) * width;
  const parts = [words(8, 42, note, ' class="note"')];
  for (const mark of marks) {
    const height = at(y(mark));
    parts.push(
      `<line class="axis" x1="${PLOT.left}" y1="${height}" x2="${WIDTH - PLOT.right}" y2="${height}"/>`,
      words(
        PLOT.left - 8,
        y(mark) + 4.5,
        Number(mark.toPrecision(3)).toLocaleString("en"),
        ' text-anchor="end" class="note"',
      ),
    );
  }
  for (const [index, position] of positions.entries()) {
    parts.push(words(x(index), PLOT.bottom + 20, position, ' text-anchor="middle" class="note"'));
  }
  let free = Infinity; // lowest label so far, from the bottom up
  const ends = lines.map((line) => line.values.findLast((value) => value !== undefined) ?? 0);
  const order = lines.map((_, index) => index).toSorted((a, b) => (ends[a] ?? 0) - (ends[b] ?? 0));
  for (const index of order) {
    const line = lines[index];
    if (line === undefined) continue;
    const points = line.values.flatMap((value, step) =>
      value === undefined ? [] : [`${at(x(step))},${at(y(value))}`],
    );
    const kind = `line ${line.ours ? "ours" : "peer"}${index % 2 === 1 ? " second" : ""}`;
    const label = Math.min(y(ends[index] ?? 0), free - 16);
    free = label;
    parts.push(
      `<polyline class="${kind}" style="fill: none" points="${points.join(" ")}"/>`,
      words(WIDTH - PLOT.right + 8, label + 4.5, line.label),
    );
  }
  return page(PLOT.bottom + 36, title, parts);
}
