import { afterEach, expect, it } from "vitest";
import { joinController } from "../../../src/runtime/controller-main.js";
import { createRegistry } from "../../../src/runtime/metrics/registry.js";
import { createManualClock } from "./controller/fixtures.js";
import { notePorts } from "./kubernetes/fixtures.js";
import { createMemoryApi } from "./kubernetes/memory-api.js";

const PENDING = 10_000;
const EDITS = 3;
const NAMESPACE = "metallb-system";
const POOLS = "/apis/metallb.io/v1beta1/ipaddresspools";

const stop = new AbortController();
afterEach(() => stop.abort());

it("10,000 Services that wait, and a pool that is edited every second: few writes, and no more the longer it goes on", async () => {
  const clock = createManualClock();
  const api = createMemoryApi(clock, ["ipaddresspools", "ipaddresspools/status"]);
  const edit = (last: number): void =>
    void api.put(POOLS, {
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata: { name: "edited", namespace: NAMESPACE },
      spec: { addresses: [`192.0.2.1-192.0.2.${last}`] },
    });
  edit(1);
  for (let index = 0; index < PENDING; index += 1)
    api.put("/api/v1/services", {
      metadata: { name: `s${index}`, namespace: "default" },
      spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], ports: [{ port: 80 }] },
      status: {},
    });
  const { ports } = notePorts(clock, 0.5);
  const metrics = { updateHandled: () => undefined, updateFailed: () => undefined, configState: () => undefined };
  joinController(
    {
      namespace: NAMESPACE,
      configMapName: "config",
      loadBalancerClass: "",
      podName: "",
      poolChange: "refuse",
      election: {
        mode: "off",
        leaseName: "",
        leaseDurationMilliseconds: 1,
        renewDeadlineMilliseconds: 1,
        retryPeriodMilliseconds: 1,
      },
    },
    { client: api.client, ports, signal: stop.signal, streamingList: true, metrics, registry: createRegistry() },
  );
  const writes: number[] = [];
  const statuses = (): number =>
    api.writes().filter((line) => line.endsWith("/status") && line.includes("/services/")).length;
  for (let second = 0; second <= EDITS; second += 1) {
    const before = api.writes().length;
    edit(1 + second); // room for one more
    await clock.advance(1_000);
    writes.push(api.writes().length - before);
  }
  expect(writes[0]).toBeLessThanOrEqual(1_100); // Events of the beginning
  expect(Math.max(...writes.slice(1))).toBeLessThanOrEqual(40); // a status, the pool's counters, 25 Events
  expect(statuses()).toBe(1 + EDITS);
}, 120_000);
