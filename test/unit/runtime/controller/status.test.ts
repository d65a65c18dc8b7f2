import { expect, it } from "vitest";
import { isAsWanted, wantedStatus } from "../../../../src/runtime/controller/status.js";
import { readService } from "../../../../src/runtime/world/read.js";
import { assigned, configMap, createWorld } from "./fixtures.js";

it.each([
  { pool: "default", annotation: "default" },
  { pool: "", annotation: undefined }, // in no pool: the annotation is removed, not emptied
])('names the pool "$pool" of addresses that a Service keeps as $annotation', ({ pool, annotation }) => {
  const kept = { outcome: "kept", addresses: ["192.0.2.1"], pool, reason: "", events: [], refusals: [] } as const;
  expect(wantedStatus(kept)).toEqual({ addresses: ["192.0.2.1"], pool: annotation });
});

it.each([
  { server: "that fills in ipMode", entry: { ip: "192.0.2.1", ipMode: "VIP" }, asWanted: true },
  { server: "that does not know ipMode", entry: { ip: "192.0.2.1" }, asWanted: true },
  { server: "on which it is Proxy", entry: { ip: "192.0.2.1", ipMode: "Proxy" }, asWanted: false },
])("on a server $server the status is as wanted: $asWanted", ({ entry, asWanted }) => {
  const view = readService({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a", namespace: "default", annotations: { "metallb.io/ip-allocated-from-pool": "default" } },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: [entry] } },
  });
  expect(view.ok && isAsWanted(view.value, { addresses: ["192.0.2.1"], pool: "default" })).toBe(asWanted);
});

it("writes once where the ipMode is Proxy, and keeps the address", async () => {
  const world = createWorld();
  const proxied = { ...assigned("a", "192.0.2.5"), ingress: [{ ip: "192.0.2.5", ipMode: "Proxy" }] };
  await world.begin([proxied], configMap("192.0.2.1-192.0.2.9"));
  await world.useConfig(configMap("192.0.2.1-192.0.2.8")); // all are looked at again
  expect(world.writes).toEqual(["default/a: 192.0.2.5 from default"]);
});
