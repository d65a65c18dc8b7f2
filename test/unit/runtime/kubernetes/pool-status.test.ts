import { afterEach, beforeEach, expect, it } from "vitest";
import { countersOf, readCountedPool, type PoolCount } from "../../../../src/runtime/kubernetes/pool-counters.js";
import { createPoolStatus, type PoolStatus } from "../../../../src/runtime/kubernetes/pool-status.js";
import { createManualClock, type ManualClock } from "../controller/fixtures.js";
import { notePorts, type Noted } from "./fixtures.js";
import { createMemoryApi } from "./memory-api.js";

const count = (pool: string, rest: Partial<PoolCount> = {}): PoolCount => ({
  pool,
  capacityIPv4: 254n,
  capacityIPv6: 0n,
  inUseIPv4: 0,
  inUseIPv6: 0,
  ...rest,
});

it.each([
  { name: "a usual pool", of: { inUseIPv4: 3 }, expected: [3, 0, 251, 0] },
  { name: "more in use than can be given out", of: { capacityIPv4: 2n, inUseIPv4: 3 }, expected: [3, 0, 0, 0] },
  {
    name: "a /64, which is more than an int64 holds",
    of: { capacityIPv6: 2n ** 64n, inUseIPv6: 2 },
    expected: [0, 2, 254, 9223372036854775807n],
  },
  {
    name: "several of them, whose sum must not wrap",
    of: { capacityIPv6: 5n * 2n ** 64n },
    expected: [0, 0, 254, 9223372036854775807n],
  },
  {
    name: "a /66, to the last digit",
    of: { capacityIPv6: 2n ** 62n, inUseIPv6: 5 },
    expected: [0, 5, 254, 4611686018427387899n],
  },
])("counts $name", ({ of, expected: [assigned4, assigned6, available4, available6] }) => {
  const { json, numbers } = countersOf(count("p", of));
  expect(json).toBe(
    `{"assignedIPv4":${assigned4},"assignedIPv6":${assigned6},"availableIPv4":${available4},"availableIPv6":${available6}}`,
  );
  // What the server sends back has been through JSON.parse.
  const stored = readCountedPool({ metadata: { name: "p", resourceVersion: "1" }, status: JSON.parse(json) as object });
  expect(stored.ok && stored.value.numbers).toBe(numbers);
});

const POOLS = "/apis/metallb.io/v1beta1/ipaddresspools";
const SERVED = ["ipaddresspools", "ipaddresspools/status"];

let clock: ManualClock;
let noted: Noted;
let stop: AbortController;
let api: ReturnType<typeof createMemoryApi>;
let served: string[];
let usage: readonly PoolCount[];
let busy: boolean;
let mayWrite: boolean;
let status: PoolStatus;

beforeEach(() => {
  clock = createManualClock();
  noted = notePorts(clock, 0.5);
  stop = new AbortController();
  served = [...SERVED];
  api = createMemoryApi(clock, served);
  [usage, busy, mayWrite] = [[], false, true];
  status = createPoolStatus({
    client: api.client,
    ports: noted.ports,
    signal: stop.signal,
    streamingList: true,
    namespace: "metallb-system",
    usage: () => usage,
    busy: () => busy,
    mayWrite: () => mayWrite,
  });
});
afterEach(() => stop.abort());

const store = (name: string, of?: unknown) =>
  api.put(POOLS, { metadata: { name, namespace: "metallb-system" }, status: of });

/** Says that counts changed, and lets a second go by. */
async function change(): Promise<void> {
  status.changed();
  await clock.advance(1_000);
}

const written = (): readonly string[] =>
  api.requests
    .filter(({ line }) => line.startsWith("PUT"))
    .map(({ line, body }) => {
      const { assignedIPv4, availableIPv4 } = (body as { status: Record<string, number> }).status;
      return `${line.slice(line.indexOf("ipaddresspools/") + 15)} ${assignedIPv4} ${availableIPv4}`;
    });
const said = (): readonly string[] => noted.log.filter((line) => !line.startsWith("debug"));

it("writes what is in use and free, once, and no more where nothing changes", async () => {
  store("a");
  store("b", { assignedIPv4: 0, assignedIPv6: 0, availableIPv4: 254, availableIPv6: 0 });
  usage = [count("a", { inUseIPv4: 2 }), count("b"), count("of the ConfigMap")];
  for (let times = 0; times < 5; times += 1) await change();
  expect(written()).toEqual(["a/status 2 252"]);
  expect(api.get(POOLS, "metallb-system/a")?.["status"]).toEqual({
    assignedIPv4: 2,
    assignedIPv6: 0,
    availableIPv4: 252,
    availableIPv6: 0,
  });
});

it("writes a pool once a second, however often its counts change", async () => {
  store("a");
  usage = [count("a")];
  await change();
  for (let inUse = 1; inUse <= 200; inUse += 1) {
    usage = [count("a", { inUseIPv4: inUse })];
    status.changed();
    if (inUse % 50 === 0) await clock.advance(500);
  }
  await clock.advance(1_000);
  expect(written()).toEqual(["a/status 0 254", "a/status 100 154", "a/status 200 54"]);
});

it("mends what somebody else wrote there", async () => {
  store("a");
  usage = [count("a", { inUseIPv4: 1 })];
  await change();
  store("a", { assignedIPv4: 9, assignedIPv6: 0, availableIPv4: 9, availableIPv6: 0 });
  await clock.advance(1_000);
  expect(written()).toEqual(["a/status 1 253", "a/status 1 253"]);
});

it("writes the last digit of what is more than JavaScript's numbers tell apart", async () => {
  store("a");
  usage = [count("a", { capacityIPv6: 2n ** 62n })];
  await change();
  usage = [count("a", { capacityIPv6: 2n ** 62n - 1n })];
  await change();
  await change();
  expect(written()).toHaveLength(2);
});

it("is beaten by another writer and writes on what that one made", async () => {
  store("a");
  usage = [count("a", { inUseIPv4: 1 })];
  let races = 2;
  api.fault = (method) => {
    if (method === "PUT" && races-- > 0) store("a");
    return undefined;
  };
  await change();
  await clock.advance(5_000);
  expect(written()).toEqual(Array.from({ length: 3 }, () => "a/status 1 253"));
  expect(api.get(POOLS, "metallb-system/a")?.["status"]).toMatchObject({ assignedIPv4: 1 });
});

it("leaves the server to what is more important, but not for ever", async () => {
  store("a");
  usage = [count("a")];
  busy = true;
  status.changed();
  await clock.advance(9_999);
  expect(api.requests).toEqual([]);
  await clock.advance(2_000);
  expect(written()).toHaveLength(1);
});

it("asks nothing and writes nothing while somebody else leads", async () => {
  store("a");
  usage = [count("a")];
  mayWrite = false;
  await change();
  expect(api.requests).toEqual([]);
  mayWrite = true;
  await change();
  expect(written()).toHaveLength(1);
  mayWrite = false;
  usage = [count("a", { inUseIPv4: 1 })];
  await change();
  expect(written()).toHaveLength(1);
});

it.each([
  {
    name: "the permission",
    without: () => void (api.isGranted = () => false),
    says: /^info: .*not permitted: grant list and/,
  },
  {
    name: "the subresource",
    without: () => void served.pop(),
    says: /^info: .*no status of them: apply the definitions/,
  },
])("is off without $name, says it once and tries again much later", async ({ without, says }) => {
  store("a");
  usage = [count("a")];
  without();
  for (let times = 0; times < 3; times += 1) await change();
  expect(api.writes()).toEqual([]);
  expect(said()).toEqual([expect.stringMatching(says)]);
  const asked = api.requests.length;
  api.isGranted = () => true;
  served.splice(0, served.length, ...SERVED);
  await clock.advance(600_000);
  expect(api.requests).toHaveLength(asked); // nothing by itself
  await change();
  expect(written()).toHaveLength(1);
});

it("is off where the definition has no such fields and the server drops them: no write after write", async () => {
  store("a");
  usage = [count("a")];
  api.fault = (method) => (method === "PUT" ? { status: 200, body: store("a", {}) } : undefined);
  for (let times = 0; times < 5; times += 1) await change();
  expect(written()).toHaveLength(1);
  expect(said()).toEqual([expect.stringMatching(/^warn: .*drops these fields: apply the definitions/)]);
});

it("waits as long as a busy server asks for", async () => {
  store("a");
  usage = [count("a")];
  let busyAnswers = 1;
  api.fault = (method) =>
    method === "PUT" && busyAnswers-- > 0 ? { status: 429, body: { message: "later" }, retryAfter: "7" } : undefined;
  await change(); // is when it is written first
  await clock.advance(6_999);
  expect(written()).toHaveLength(1);
  await clock.advance(1);
  expect(written()).toHaveLength(2);
});

it("does not repeat what the server finds invalid", async () => {
  store("a");
  store("b");
  usage = [count("a"), count("b")];
  api.fault = (method, path) =>
    method === "PUT" && path.includes("/a/") ? { status: 422, body: { message: "spec is not valid" } } : undefined;
  for (let times = 0; times < 3; times += 1) await change();
  expect(written()).toEqual(["a/status 0 254", "b/status 0 254"]);
});

it("knows a pool that is made, or made anew, later", async () => {
  usage = [count("a")];
  await change();
  store("a");
  await clock.advance(1_000);
  api.remove(POOLS, "metallb-system/a");
  await clock.advance(1_000);
  store("a");
  await clock.advance(1_000);
  expect(written()).toEqual(["a/status 0 254", "a/status 0 254"]);
});
