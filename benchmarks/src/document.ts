/** A document whose generated parts stand between markers, and whose other text is written by hand. */

const BLOCK = /<!-- bench:(?<id>[\w-]+) -->\n[\s\S]*?<!-- \/bench -->/gu;

/** Names of the blocks, in their order. */
export function blocksOf(document: string): string[] {
  return [...document.matchAll(BLOCK)].map((match) => match.groups?.["id"] ?? "");
}

/**
 * Puts new content into every block; everything outside stays as it is.
 *
 * @param render - Gives the content of a block, `undefined` to leave it.
 */
export function fillBlocks(document: string, render: (id: string) => string | undefined): string {
  return document.replace(BLOCK, (block, id: string) => {
    const content = render(id);
    return content === undefined ? block : `<!-- bench:${id} -->\n\n${content}\n\n<!-- /bench -->`;
  });
}
