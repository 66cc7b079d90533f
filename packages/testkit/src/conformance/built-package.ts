/** A built package, as an application in CommonJS or in ESM loads it. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { buildWorkspace, runNode } from "../built-workspace.ts";

export interface BuiltPackage {
  /** `import.meta.url` of the test. */
  readonly here: string;
  /** Its `connect` is that of its entry `testing`. */
  readonly name: string;
  /** What the app uses of it, as in `import { … }`. */
  readonly uses: string;
  /** The framework, loaded in each way. */
  readonly framework: { readonly required: string; readonly imported: string };
  /** Connects in memory, prints `hello from blue` and the type of CloseError, and ends by itself. */
  readonly app: string;
}

/** Declares the suite. */
export function builtPackageBehaviour({ here, name, uses, framework, app }: BuiltPackage): void {
  const folder = fileURLToPath(new URL("..", here));

  describe("the built package", () => {
    beforeAll(() => buildWorkspace(folder), 60_000);

    it("is loaded by require()", async () => {
      const program = `
        ${framework.required}
        const { ${uses} } = require("${name}");
        const { connect } = require("${name}/testing");
        ${app}
      `;
      const run = await runNode(folder, ["--input-type=commonjs", "-e", program]);
      expect(run).toMatchObject({ code: 0, stdout: "hello from blue function\n" });
    });

    it("is loaded by import", async () => {
      const program = `
        ${framework.imported}
        import { ${uses} } from "${name}";
        import { connect } from "${name}/testing";
        ${app}
      `;
      const run = await runNode(folder, ["--input-type=module", "-e", program]);
      expect(run).toEqual({ code: 0, stdout: "hello from blue function\n", stderr: "" });
    });

    it("is one and the same for require() and import", async () => {
      const program = `
        const { CloseError } = require("${name}");
        import("${name}").then((esm) => console.log(esm.CloseError === CloseError));
      `;
      const run = await runNode(folder, ["--input-type=commonjs", "-e", program]);
      expect(run).toMatchObject({ code: 0, stdout: "true\n" });
    });
  });
}
