import { afterEach, beforeEach, expect, it } from "vitest";
import { createServiceStatusWriter } from "../../../../src/runtime/kubernetes/service-status.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";
import { createTestClient, notePorts, startFakeServer, type FakeServer } from "./fixtures.js";

let server: FakeServer;
beforeEach(async () => void (server = await startFakeServer()));
afterEach(() => server.close());

const POOL = "metallb.io/ip-allocated-from-pool";
const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "web",
    namespace: "default",
    uid: "u",
    resourceVersion: "7",
    creationTimestamp: "2026-01-01T00:00:00Z",
    generateName: "w",
    labels: { app: "web" },
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", "metallb.universe.tf/address-pool": "p" },
    finalizers: ["example.com/f"],
    ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "o" }],
  },
  spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", ports: [{ port: 80 }] },
  status: { loadBalancer: {}, conditions: [{ type: "Ready", status: "True" }] },
};

async function begin(object: unknown = SERVICE) {
  const writer = createServiceStatusWriter(createTestClient(server.url, notePorts(systemClock)));
  const view = writer.read(object);
  if (!view.ok) throw new Error(view.fault.problem);
  const write = (addresses: readonly string[], pool: string | undefined, service: ServiceView = view.value) =>
    writer.write({ service, addresses, annotations: { [POOL]: pool } });
  return { writer, view: view.value, write };
}

it("puts address and pool in one request, and repeats everything else that a PUT would take away", async () => {
  const { write } = await begin();
  const outcome = write(["192.0.2.1", "2001:db8::1"], "p");
  const { method, url, body, answer } = await server.next();
  answer(200, { metadata: { resourceVersion: "8" } });
  expect(await outcome).toEqual({ outcome: "written", resourceVersion: "8" });
  expect(`${method} ${url.pathname}`).toBe("PUT /api/v1/namespaces/default/services/web/status");
  const { creationTimestamp: _, ...metadata } = SERVICE.metadata; // the server keeps its own
  expect(JSON.parse(body)).toEqual({
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, annotations: { ...SERVICE.metadata.annotations, [POOL]: "p" } },
    spec: { type: "LoadBalancer" },
    status: {
      loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }] },
      conditions: SERVICE.status.conditions,
    },
  });
});

it("takes address and pool away", async () => {
  const annotations = { [POOL]: "p", other: "kept" };
  const { write } = await begin({
    ...SERVICE,
    metadata: { ...SERVICE.metadata, annotations },
    spec: { ...SERVICE.spec, type: "ClusterIP" },
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
  });
  const outcome = write([], undefined);
  const { body, answer } = await server.next();
  answer(200, { metadata: { resourceVersion: "8" } });
  await outcome;
  expect(JSON.parse(body)).toMatchObject({ metadata: { annotations: { other: "kept" } }, spec: { type: "ClusterIP" } });
  expect((JSON.parse(body) as typeof SERVICE).metadata.annotations).toEqual({ other: "kept" });
  expect((JSON.parse(body) as typeof SERVICE).status).toEqual({ loadBalancer: {} });
});

it("repeats what the newest version had", async () => {
  const { writer, write } = await begin();
  const newer = writer.read({
    ...SERVICE,
    metadata: { name: "web", namespace: "default", uid: "u", resourceVersion: "9", finalizers: ["other"] },
    status: {},
  });
  if (!newer.ok) throw new Error(newer.fault.problem);
  const outcome = write(["192.0.2.1"], "p", newer.value);
  const { body, answer } = await server.next();
  answer(200, { metadata: { resourceVersion: "10" } });
  await outcome;
  expect((JSON.parse(body) as typeof SERVICE).metadata).toEqual({
    name: "web",
    namespace: "default",
    uid: "u",
    resourceVersion: "9",
    labels: {},
    annotations: { [POOL]: "p" },
    finalizers: ["other"],
  });
});

it("keeps nothing of a Service that has nothing to do with load balancing, and sees no change in what is edited there", () => {
  const writer = createServiceStatusWriter(createTestClient(server.url, notePorts(systemClock)));
  const read = (changes: object, metadata: object = {}): unknown => {
    const annotations = { "example.com/note": "n" };
    return writer.read({ ...SERVICE, ...changes, metadata: { ...SERVICE.metadata, annotations, ...metadata } });
  };
  const internal = { spec: { type: "ClusterIP", ports: [{ port: 80 }], selector: { app: "web" } }, status: {} };
  const before = read(internal);
  expect(JSON.stringify(before).length).toBeLessThan(350);
  expect(read({ ...internal, spec: { type: "ClusterIP" } }, { resourceVersion: "8", labels: {} })).toEqual(before);
  for (const ofConcern of [
    { spec: { type: "LoadBalancer" }, status: {} },
    { ...internal, status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } },
  ])
    expect(read(ofConcern)).toMatchObject({ value: { resourceVersion: "7", labels: { app: "web" } } });
  expect(read(internal, { annotations: { [POOL]: "p" } })).toMatchObject({ value: { annotations: { [POOL]: "p" } } });
});

it.each([
  { status: 409, expected: { outcome: "conflict" } },
  { status: 404, expected: { outcome: "gone" } },
  { status: 403, expected: { outcome: "forbidden", message: expect.stringContaining("grant this") as string } },
  { status: 422, expected: { outcome: "refused", message: expect.stringContaining("422") as string } },
  { status: 500, expected: { outcome: "refused", message: expect.stringContaining("500") as string } },
  { status: 503, expected: { outcome: "unavailable", message: expect.any(String) as string } },
  {
    status: 429,
    expected: { outcome: "unavailable", message: expect.any(String) as string, retryAfterMilliseconds: 2000 },
  },
])("says what an answer of $status means for the write", async ({ status, expected }) => {
  const { write } = await begin();
  const outcome = write(["192.0.2.1"], "p");
  (await server.next()).answer(status, { message: "why" }, status === 429 ? { "retry-after": "2" } : {});
  expect(await outcome).toEqual(expected);
});

it("says that no write can be taken where there is no server", async () => {
  const { write } = await begin();
  await server.close();
  expect(await write(["192.0.2.1"], "p")).toMatchObject({ outcome: "unavailable" });
  server = await startFakeServer();
});
