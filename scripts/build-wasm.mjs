/** `npm run build:wasm`: compiles `packages/engine/wasm/mask-kernel.wat` into the module that the engine carries. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import loadWabt from "wabt";

const SOURCE = new URL("../packages/engine/wasm/mask-kernel.wat", import.meta.url);
export const KERNEL_MODULE = new URL(
  "../packages/engine/src/framing/mask-kernel.ts",
  import.meta.url,
);

/** Gives the TypeScript module that holds the compiled kernel. */
export async function compileKernel() {
  const wabt = await loadWabt();
  const parsed = wabt.parseWat("mask-kernel.wat", readFileSync(SOURCE, "utf8"), { simd: true });
  parsed.validate();
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  const base64 = Buffer.from(buffer).toString("base64");
  const lines = Array.from(base64.matchAll(/.{1,88}/g), ([line]) => `  "${line}"`);
  return `/** The compiled masking kernel, made by \`npm run build:wasm\` of \`wasm/mask-kernel.wat\`. */

/** ${buffer.length} bytes of WebAssembly in base64. */
export const MASK_KERNEL: string = [
${lines.join(",\n")},
].join("");
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(KERNEL_MODULE, await compileKernel());
}
