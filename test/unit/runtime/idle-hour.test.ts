import { afterEach, expect, it } from "vitest";
import { joinController } from "../../../src/runtime/controller-main.js";
import { createRegistry } from "../../../src/runtime/metrics/registry.js";
import { createManualClock, type ManualClock } from "./controller/fixtures.js";
import { notePorts } from "./kubernetes/fixtures.js";
import { createMemoryApi, type MemoryApi } from "./kubernetes/memory-api.js";

const SERVICES = "/api/v1/services";
const NAMESPACE = "metallb-system";
const SERVED = ["ipaddresspools", "ipaddresspools/status", "configurationstates", "configurationstates/status"];

const stop = new AbortController();
afterEach(() => stop.abort());

const service = (name: string, rest: object = {}) => ({
  metadata: { name, namespace: "default", labels: { app: name } },
  spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], ports: [{ port: 80 }], ...rest },
  status: {},
});

const ELECTION = {
  mode: "on",
  leaseName: "smelter-controller",
  leaseDurationMilliseconds: 15_000,
  renewDeadlineMilliseconds: 10_000,
  retryPeriodMilliseconds: 2_000,
} as const;

/** A controller, all of it but its process, on an API server in memory. */
function begin(clock: ManualClock, { client }: MemoryApi): ReturnType<typeof joinController> {
  const { ports } = notePorts(clock, 0.5);
  const metrics = { updateHandled: () => undefined, updateFailed: () => undefined, configState: () => undefined };
  return joinController(
    {
      namespace: NAMESPACE,
      configMapName: "config",
      loadBalancerClass: "",
      podName: "controller-0",
      poolChange: "refuse",
      election: ELECTION,
    },
    { client, ports, signal: stop.signal, streamingList: true, metrics, registry: createRegistry() },
  );
}

it("an hour in which nothing happens makes no write but renewals of the Lease, whoever waits for an address", async () => {
  const clock = createManualClock();
  const api = createMemoryApi(clock, SERVED);
  api.put("/api/v1/configmaps", {
    metadata: { name: "config", namespace: NAMESPACE },
    data: { config: "address-pools:\n- {name: legacy, protocol: layer2, addresses: [192.0.2.0/30]}\n" },
  });
  api.put("/apis/metallb.io/v1beta1/ipaddresspools", {
    metadata: { name: "resource", namespace: NAMESPACE },
    spec: { addresses: ["198.51.100.0/30"] },
  });
  api.put("/api/v1/namespaces", { metadata: { name: "default" } });
  api.put("/api/v1/pods", { metadata: { name: "controller-0", namespace: NAMESPACE } });
  for (let index = 0; index < 12; index += 1) api.put(SERVICES, service(`web-${index}`));
  api.put(SERVICES, service("outside", { loadBalancerIP: "203.0.113.1" }));
  api.put(SERVICES, service("internal", { type: "ClusterIP" }));
  const joined = begin(clock, api);
  await clock.advance(60_000);
  const written = (what: RegExp): number => api.writes().filter((line) => what.test(line)).length;
  expect(written(/services\/[^/]+\/status$/)).toBe(8); // as many as there are addresses
  expect(written(/events$/)).toBe(13); // all of type LoadBalancer are told something
  expect(written(/ipaddresspools\/resource\/status$/)).toBe(1);
  expect(written(/configurationstates\/controller\/status$/)).toBe(1);
  const before = api.writes().length;

  await clock.advance(3_600_000);
  const inTheHour = new Set(api.writes().slice(before));
  expect([...inTheHour]).toEqual([expect.stringMatching(/^PUT .*\/leases\/smelter-controller$/)]);

  api.remove(SERVICES, "default/web-0"); // it is awake all the same
  await clock.advance(60_000);
  expect(api.writes().slice(before)).toContainEqual(expect.stringMatching(/^PUT .*\/services\/.*\/status$/));
  await joined.controller.stop();
});
