/** Runs inside the page: measures what a reader needs, contrast of text and width of the page. */

export interface FaintText {
  readonly text: string;
  readonly ratio: number;
}

/** Every visible text whose contrast with what lies behind it is below `least` (WCAG 2.2, 1.4.3). */
export function faintTexts(least: number): FaintText[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (canvas === null) throw new Error("no canvas");

  const rgba = (color: string): number[] => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color: readonly number[]): number => {
    const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (start: Element): number[] => {
    for (let at: Element | null = start; at !== null; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };

  const faint: FaintText[] = [];
  for (const element of document.body.querySelectorAll<HTMLElement>("*")) {
    const own = [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
    const text = own.map(({ data }: Node & { data?: string }) => data?.trim() ?? "").join(" ");
    if (text.trim() === "" || !element.checkVisibility()) continue;
    const lights = [rgba(getComputedStyle(element).color), behind(element)].map(luminance);
    const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    if (ratio < least) faint.push({ text, ratio });
  }
  return faint;
}

/** What has the focus, in words, and how thick the line around it is: 0 when nobody could see it. */
export function focused(): { readonly what: string; readonly outline: number } {
  const element = document.activeElement;
  if (element === null || element === document.body) return { what: "nothing", outline: 0 };
  const label = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : undefined;
  const what = element.getAttribute("aria-label") ?? label ?? element.textContent ?? "";
  const style = getComputedStyle(element.closest(".choice") ?? element);
  const outline = style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth);
  return { what: what.trim().split("\n")[0] ?? "", outline };
}
