import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createKeptSecret } from "../../../../src/runtime/kubernetes/kept-secret.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import {
  createStepClock,
  createTestClient,
  notePorts,
  startFakeServer,
  type FakeServer,
  type Received,
} from "./fixtures.js";

const PATH = "/api/v1/namespaces/metallb-system/secrets/kept";
const KEY = "configuration.json.gz";

let server: FakeServer;
beforeEach(async () => void (server = await startFakeServer()));
afterEach(() => server.close());

function start() {
  const clock = createStepClock();
  const noted = notePorts(clock);
  const { signal } = new AbortController();
  const client = createTestClient(server.url, notePorts(systemClock));
  const kept = createKeptSecret({ client, ports: noted.ports, signal, namespace: "metallb-system", name: "kept" });
  return { kept, clock, log: noted.log };
}
/** Answers the questions about permissions, those of verbs that are denied with no. @returns the next other request */
async function afterQuestions(denied: readonly string[] = []): Promise<Received> {
  for (;;) {
    const received = await server.next();
    if (!received.url.pathname.endsWith("/selfsubjectaccessreviews")) return received;
    const review = JSON.parse(received.body) as { spec: { resourceAttributes: { verb: string } } };
    received.answer(201, { status: { allowed: !denied.includes(review.spec.resourceAttributes.verb) } });
  }
}
const secret = (text: string, resourceVersion: string) => ({
  metadata: { resourceVersion },
  data: { [KEY]: gzipSync(text).toString("base64") },
});

it("makes the Secret, and reads back what it made", async () => {
  const { kept } = start();
  kept.keep("a text");
  const first = await afterQuestions();
  expect([first.method, first.url.pathname]).toEqual(["GET", PATH]);
  first.answer(404, { message: "not found" });
  const create = await server.next();
  expect([create.method, create.url.pathname]).toEqual(["POST", "/api/v1/namespaces/metallb-system/secrets"]);
  create.answer(201, {});
  const made = JSON.parse(create.body) as { data: Record<string, string> };
  const reading = kept.read();
  (await afterQuestions()).answer(200, { metadata: { resourceVersion: "1" }, data: made.data });
  expect(await reading).toBe("a text");
});

it("writes nothing where the text is there already, else fences its write with the version that it saw", async () => {
  const { kept } = start();
  kept.keep("the same");
  (await afterQuestions()).answer(200, secret("the same", "4"));
  kept.keep("another");
  (await server.next()).answer(200, secret("the same", "4"));
  const update = await server.next();
  expect([update.method, (JSON.parse(update.body) as { metadata: object }).metadata]).toEqual([
    "PUT",
    expect.objectContaining({ resourceVersion: "4" }),
  ]);
  update.answer(200, {});
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST", "POST", "GET", "GET", "PUT"]);
});

it("looks again after a conflict, and writes what was given last", async () => {
  const { kept, clock } = start();
  kept.keep("first");
  (await afterQuestions()).answer(200, secret("older", "4"));
  const refused = await server.next();
  kept.keep("second");
  refused.answer(409, { message: "conflict" });
  await clock.runTimer(() => true);
  (await server.next()).answer(200, secret("older", "5"));
  const update = await server.next();
  expect(JSON.parse(update.body)).toMatchObject({
    metadata: { resourceVersion: "5" },
    data: { [KEY]: gzipSync("second").toString("base64") },
  });
  update.answer(200, {});
});

it.each([["get"], ["update"], ["create"]])("tries nothing without permission to %s, and says so once", async (verb) => {
  const { kept, log } = start();
  const answering = afterQuestions([verb]); // nothing else comes before it is granted
  kept.keep("one");
  while (log.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  kept.keep("two");
  while (server.requests.length < 6) await new Promise((resolve) => void setImmediate(resolve));
  expect(log).toEqual([
    expect.stringMatching(/^warn: The last good configuration is not kept .*: grant get and update/),
  ]);
  expect(new Set(server.requests.map(({ method }) => method))).toEqual(new Set(["POST"]));
  void answering;
});

it("takes a Secret that is not its own for none", async () => {
  const { kept } = start();
  const reading = kept.read();
  (await afterQuestions()).answer(200, { metadata: { resourceVersion: "1" }, data: { [KEY]: "bm90IGd6aXA=" } });
  expect(await reading).toBeUndefined();
});
