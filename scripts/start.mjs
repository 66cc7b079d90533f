/** `npm start`: the chat over four frameworks, installed and built first when that has not been done. */
import { runExample } from "./run.mjs";

await runExample("chat", process.argv.slice(2));
