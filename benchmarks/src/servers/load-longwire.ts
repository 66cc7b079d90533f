/** Longwire as compiled in some checkout: two builds can be measured side by side. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Engine from "@longwire/engine";
import type * as Hub from "@longwire/hub";

async function load(checkout: string, folder: string): Promise<unknown> {
  const file = join(checkout, "packages", folder, "dist", "index.js");
  return import(pathToFileURL(file).href);
}

export async function loadEngine(checkout: string): Promise<typeof Engine> {
  return (await load(checkout, "engine")) as typeof Engine; // the package of that folder
}

export async function loadHub(checkout: string): Promise<typeof Hub> {
  return (await load(checkout, "hub")) as typeof Hub;
}
