/** Responses to upgrade requests are the app's own before it sees them. */
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { deferred } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { appResponse } from "../src/app-response.ts";
import { websocket } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS } from "./app.ts";

const own = (app: unknown): unknown => Reflect.get(app as object, "response"); // the types leave it out

describe.each(VERSIONS)("a response to an upgrade request, %s", (_name, express) => {
  it("has the prototype that the app would have given it", async () => {
    const app = quietApp(express);
    const Response = appResponse(app);
    if (Response === undefined) throw new Error("expected a class");
    const response = new Response(new IncomingMessage(new Socket()));
    expect(response).toBeInstanceOf(ServerResponse);
    expect(Object.getPrototypeOf(response)).toBe(own(app));
    expect(Object.keys(response)).toEqual(
      Object.keys(new ServerResponse(new IncomingMessage(new Socket()))),
    );
  });

  it("is of the class that attach was given instead", async () => {
    const made = deferred();
    class Mine extends ServerResponse {
      constructor(request: IncomingMessage) {
        super(request);
        made.resolve();
      }
    }
    const app = quietApp(express);
    app.get("/", websocket(echo));
    const server = await served(app, { ServerResponse: Mine });
    const peer = await server.ws("/");
    await made.promise;
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
  });

  it("is node's own for a listener that is no app", () => {
    expect(appResponse(() => {})).toBeUndefined();
    expect(appResponse(undefined)).toBeUndefined();
  });
});
