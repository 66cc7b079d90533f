/** What is shown where, and in which colour. */
import { Message } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import { Screen, type Output } from "../src/screen.ts";

class Recorder implements Output {
  readonly isTTY: boolean | undefined;
  text = "";

  constructor(isTTY?: true) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

function show(isTTY: true | undefined, environment: Record<string, string> = {}): [string, string] {
  const out = new Recorder(isTTY);
  const err = new Recorder(isTTY);
  const screen = new Screen(out, err, environment);
  screen.message(new Message(1, Buffer.from("héllo\t\u001b[2J\u0007")));
  screen.message(new Message(2, Buffer.from([0, 255])));
  screen.notice("notice");
  screen.problem("problem\u001b[2J");
  screen.detail("detail");
  return [out.text, err.text];
}

describe("screen", () => {
  it("shows messages unchanged in a pipe, and no colour", () => {
    const [out, err] = show(undefined);
    expect(out).toBe("héllo\t\u001b[2J\u0007\nbinary 00ff\n");
    expect(err).toBe("notice\nproblem\\u001b[2J\ndetail\n");
  });

  it("colours on a terminal, where no message can steer it", () => {
    const [out, err] = show(true);
    expect(out).toContain("\u001b[36mhéllo\t\\u001b[2J\\u0007\u001b[0m\n");
    expect(out).not.toContain("\u001b[2J");
    expect(err).toContain("\u001b[32mnotice\u001b[0m");
    expect(err).toContain("\u001b[31mproblem\\u001b[2J\u001b[0m");
  });

  it("leaves colours out when NO_COLOR says so", () => {
    expect(show(true, { NO_COLOR: "1" }).join("")).not.toContain("\u001b");
    expect(show(true, { NO_COLOR: "" }).join("")).toContain("\u001b[36m");
  });
});
