/** The message contract of a route: what it lets through, and what becomes of the rest, whatever library wrote it. */
import { ValidationError, type Conn, type Messages } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import { deferred, Inbox } from "../wait.ts";

/** One route of an app under test, and the client's end of a connection to it. */
export interface ContractRoute {
  /** Schemas for `{ add: text of a number }` from the client and `{ sum: number, at: Date }` from the server. */
  readonly messages: Messages;
  readonly handler: (conn: Conn) => unknown;
  readonly onError?: (error: unknown) => void;
}

/** What the schemas make of an incoming message. */
interface Add {
  readonly add: number;
}

/**
 * Declares the suite.
 *
 * @param contracts - The same contract as each library writes it.
 * @param open - Builds an app with the route, connects to it, and closes both when the test is over.
 */
export function messageBehaviour(
  contracts: Readonly<Record<string, Messages>>,
  open: (route: ContractRoute) => Promise<Conn>,
): void {
  describe.each(Object.entries(contracts))("a contract of %s", (_library, messages) => {
    it("gives the handler what the schema makes of a message", async () => {
      const handler = async (conn: Conn): Promise<void> => {
        let sum = 0;
        for await (const message of conn.json()) {
          sum += (message as Add).add; // what its schema says
          await conn.writeJSON({ sum, at: new Date(0) });
        }
      };
      const conn = await open({ messages, handler });
      await conn.writeJSON({ add: "20" });
      await conn.writeJSON({ add: "22" });
      await conn.readJSON();
      expect(await conn.readJSON()).toEqual({ sum: 42, at: "1970-01-01T00:00:00.000Z" });
    });

    it("closes with 1007 at a message that does not fit, which no handler sees", async () => {
      const reached: unknown[] = [];
      const handler = async (conn: Conn): Promise<void> => {
        for await (const message of conn.json()) reached.push(message);
      };
      const conn = await open({ messages, handler });
      await conn.writeJSON({ add: 5 });
      expect(await conn.closed).toMatchObject({ code: 1007 });
      expect(reached).toEqual([]);
    });

    it("tells readJSON what is wrong and where, and the connection goes on", async () => {
      const problems = new Inbox<unknown>("an error of readJSON");
      const handler = async (conn: Conn): Promise<void> => {
        await conn.readJSON().catch((error: unknown) => problems.push(error));
        await conn.readJSON();
        conn.send("the second was fine");
      };
      const conn = await open({ messages, handler });
      await conn.writeJSON({ add: 5 });
      await conn.writeJSON({ add: "5" });
      const problem = await problems.next();
      expect(problem).toBeInstanceOf(ValidationError);
      expect(problem).toMatchObject({
        code: "WS_VALIDATION",
        issues: [{ path: ["add"], message: expect.stringMatching(/string/iu) }],
      });
      expect((await conn.readMessage()).text()).toBe("the second was fine");
    });

    it("skips what does not fit when json() is given onInvalid", async () => {
      const handler = async (conn: Conn): Promise<void> => {
        const onInvalid = (error: unknown): void => {
          conn.send(error instanceof ValidationError ? "does not fit" : "no JSON");
        };
        for await (const message of conn.json({ onInvalid })) {
          conn.send(`fits: ${(message as Add).add}`); // what its schema says
        }
      };
      const conn = await open({ messages, handler });
      for (const text of ['{"add":1}', "{", '{"add":"1"}']) conn.send(text);
      const answers: string[] = [];
      for (let count = 0; count < 3; count++) answers.push((await conn.readMessage()).text());
      expect(answers).toEqual(["does not fit", "no JSON", "fits: 1"]);
    });

    it("keeps a wrong message of ours from going out, and reports it", async () => {
      const errors = new Inbox<unknown>("an error");
      const written = deferred<unknown>();
      const handler = async (conn: Conn): Promise<void> => {
        const wrong = { sum: "no number", at: new Date() };
        written.resolve(await conn.writeJSON(wrong).catch((error: unknown) => error));
        conn.send("only this");
      };
      const conn = await open({ messages, handler, onError: (error) => errors.push(error) });
      expect((await conn.readMessage()).text()).toBe("only this");
      const error = await errors.next();
      expect(error).toMatchObject({ issues: [{ path: ["sum"] }] });
      expect(await written.promise).toBe(error);
    });
  });
}
