import { afterEach, beforeEach, expect, it } from "vitest";
import { followNodeAddresses } from "../../../src/runtime/node-addresses.js";
import { createManualClock, type ManualClock } from "./controller/fixtures.js";
import { notePorts, type Noted } from "./kubernetes/fixtures.js";
import { createMemoryApi } from "./kubernetes/memory-api.js";

const NODES = "/api/v1/nodes";
let clock: ManualClock;
let api: ReturnType<typeof createMemoryApi>;
let noted: Noted;
let told: string[][];
let stop: AbortController;

beforeEach(() => {
  clock = createManualClock();
  api = createMemoryApi(clock);
  noted = notePorts(clock, 0.5);
  told = [];
  stop = new AbortController();
  put("n1", "10.0.0.1");
  put("n2", "10.0.0.2");
});
afterEach(() => stop.abort());

function put(name: string, address: string, status: object = {}): void {
  api.put(NODES, {
    metadata: { name },
    status: { addresses: [{ type: "InternalIP", address }], ...status },
  });
}

async function follow(): Promise<void> {
  const edge = { client: api.client, ports: noted.ports, signal: stop.signal, streamingList: true };
  void followNodeAddresses(edge, (nodes) =>
    told.push(nodes.map(({ name, internalIPs }) => `${name} ${internalIPs.join(" ")}`)),
  );
  await clock.advance(0);
}

it("tells the first list as it comes, then what changed together once, and what is no address never", async () => {
  await follow();
  expect(told).toEqual([["n1 10.0.0.1", "n2 10.0.0.2"]]);
  put("n2", "10.0.0.22");
  put("n3", "10.0.0.3");
  await clock.advance(1_000);
  expect(told.slice(1)).toEqual([["n1 10.0.0.1", "n2 10.0.0.22", "n3 10.0.0.3"]]);
  put("n1", "10.0.0.1", { conditions: [{ type: "Ready", status: "False" }] });
  await clock.advance(1_000);
  expect(told).toHaveLength(2);
  api.remove(NODES, "n3");
  await clock.advance(1_000);
  expect(told.at(-1)).toEqual(["n1 10.0.0.1", "n2 10.0.0.22"]);
});

it("lists every minute where no watch is permitted, keeps what it saw while that fails, and says so once", async () => {
  api.isGranted = (permission) => permission !== "watch nodes";
  await follow();
  expect(told).toEqual([["n1 10.0.0.1", "n2 10.0.0.2"]]);
  put("n2", "10.0.0.22");
  api.fault = (_, path) => (path === NODES ? { status: 500, body: { message: "not now" } } : undefined);
  await clock.advance(180_000);
  expect(told).toHaveLength(1);
  expect(noted.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
  delete api.fault;
  await clock.advance(60_000);
  expect(told.at(-1)).toEqual(["n1 10.0.0.1", "n2 10.0.0.22"]);
});

it("goes on without them where they may not be listed, says so once, and takes them when that is granted", async () => {
  api.isGranted = (permission) => !permission.endsWith(" nodes");
  await follow();
  await clock.advance(300_000);
  expect(told).toEqual([[]]);
  expect(noted.log).toEqual([expect.stringMatching(/^info: list and watch of Nodes are not permitted/)]);
  delete api.isGranted;
  await clock.advance(120_000);
  expect(told.at(-1)).toEqual(["n1 10.0.0.1", "n2 10.0.0.2"]);
});
