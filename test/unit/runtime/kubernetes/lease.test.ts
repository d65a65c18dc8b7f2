import { afterEach, beforeEach, expect, it } from "vitest";
import { createLeaseStore, type LeaseStore, type LeaseView } from "../../../../src/runtime/kubernetes/lease.js";
import { createStepClock, createTestClient, notePorts, startFakeServer, type FakeServer } from "./fixtures.js";

let server: FakeServer;
let store: LeaseStore;
beforeEach(async () => {
  server = await startFakeServer();
  const clock = createStepClock(); // it is 2026-01-01T00:00:00Z
  const client = createTestClient(server.url, notePorts(clock));
  store = createLeaseStore({ client, clock, namespace: "ns", name: "one", timeoutMilliseconds: 1000 });
});
afterEach(() => server.close());

const PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
const stored = {
  metadata: { name: "one", namespace: "ns", resourceVersion: "7", labels: { a: "b" }, managedFields: [{}] },
  spec: {
    holderIdentity: "other",
    leaseDurationSeconds: 15,
    leaseTransitions: 3,
    acquireTime: "2025-01-01T00:00:00.000000Z",
    renewTime: "2025-01-01T00:01:00.000000Z",
    strategy: "OldestEmulationVersion",
  },
};
const view: LeaseView = { version: "7", holder: "other", leaseDurationSeconds: 15, transitions: 3, object: stored };
const update = { holder: "us", leaseDurationSeconds: 5, transitions: 4 };

it.each([
  { name: "a Lease", status: 200, body: stored, expected: { ok: true, value: view } },
  { name: "none", status: 404, body: {}, expected: { ok: true, value: undefined } },
  {
    name: "one that nobody has held yet",
    status: 200,
    body: { metadata: { resourceVersion: "1" }, spec: { holderIdentity: null } },
    expected: { ok: true, value: { version: "1", holder: "", leaseDurationSeconds: 0, transitions: 0 } },
  },
  { name: "what is none", status: 200, body: { kind: "x" }, expected: { ok: false, fault: { kind: "malformed" } } },
  { name: "a failure", status: 500, body: {}, expected: { ok: false, fault: { kind: "server" } } },
])("reads $name", async ({ status, body, expected }) => {
  const answer = store.read();
  const request = await server.next();
  expect([request.method, request.url.pathname]).toEqual(["GET", `${PATH}/one`]);
  request.answer(status, body);
  expect(await answer).toMatchObject(expected);
});

it("makes a Lease", async () => {
  const answer = store.write({ over: undefined, ...update, transitions: 0, acquires: true });
  const request = await server.next();
  expect([request.method, request.url.pathname]).toEqual(["POST", PATH]);
  const now = "2026-01-01T00:00:00.000000Z"; // the API takes six digits
  expect(JSON.parse(request.body)).toEqual({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace: "ns", name: "one" },
    spec: { holderIdentity: "us", leaseDurationSeconds: 5, leaseTransitions: 0, renewTime: now, acquireTime: now },
  });
  request.answer(201, stored);
  expect(await answer).toEqual({ ok: true, value: view });
});

it.each([
  { name: "renews", acquires: false, acquireTime: "2025-01-01T00:00:00.000000Z" },
  { name: "takes over", acquires: true, acquireTime: "2026-01-01T00:00:00.000000Z" },
])("$name a Lease over the state that was read, and loses nothing that is in it", async ({ acquires, acquireTime }) => {
  const answer = store.write({ over: view, ...update, acquires });
  const request = await server.next();
  expect([request.method, request.url.pathname]).toEqual(["PUT", `${PATH}/one`]);
  expect(JSON.parse(request.body)).toMatchObject({
    metadata: { name: "one", namespace: "ns", resourceVersion: "7", labels: { a: "b" } },
    spec: {
      holderIdentity: "us",
      leaseDurationSeconds: 5,
      leaseTransitions: 4,
      acquireTime,
      renewTime: "2026-01-01T00:00:00.000000Z",
      strategy: "OldestEmulationVersion",
    },
  });
  request.answer(200, stored);
  expect((await answer).ok).toBe(true);
});

it.each([
  { name: "it was changed meanwhile", over: view, status: 409, kind: "conflict" },
  { name: "it was deleted meanwhile", over: view, status: 404, kind: "conflict" },
  { name: "it is there already", over: undefined, status: 409, kind: "conflict" },
  { name: "there is no such namespace", over: undefined, status: 404, kind: "notFound" },
  { name: "the server cannot", over: view, status: 503, kind: "server" },
])("tells why a write failed: $name", async ({ over, status, kind }) => {
  const answer = store.write({ over, ...update, acquires: true });
  (await server.next()).answer(status, { kind: "Status", message: "no" });
  expect(await answer).toMatchObject({ ok: false, fault: { kind } });
});
