/** The compiled WebAssembly in the tree is what its source compiles to. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compileKernel, KERNEL_MODULE } from "../build-wasm.mjs";

it("the masking kernel is compiled of its source", async () => {
  expect(readFileSync(KERNEL_MODULE, "utf8")).toBe(await compileKernel());
});
