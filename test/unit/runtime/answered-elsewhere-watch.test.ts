import { afterEach, beforeEach, expect, it } from "vitest";
import { followAnsweredElsewhere } from "../../../src/runtime/answered-elsewhere-watch.js";
import { ANSWERED_ANNOTATION } from "../../../src/runtime/world/answered-elsewhere.js";
import { createManualClock, type ManualClock } from "./controller/fixtures.js";
import { notePorts, type Noted } from "./kubernetes/fixtures.js";
import { createMemoryApi } from "./kubernetes/memory-api.js";

const STATES = "/apis/metallb.io/v1beta1/configurationstates";
const NAMESPACE = "metallb-system";
const MACHINE = "02:00:00:00:00:03";
let clock: ManualClock;
let noted: Noted;
let stop: AbortController;
let told: string[];

beforeEach(() => {
  clock = createManualClock();
  noted = notePorts(clock, 0.5);
  stop = new AbortController();
  told = [];
});
afterEach(() => stop.abort());

function put(api: ReturnType<typeof createMemoryApi>, node: string, text: string, type = "speaker"): void {
  api.put(STATES, {
    metadata: {
      name: `${type}-${node}`,
      namespace: NAMESPACE,
      labels: { "metallb.io/component-type": type },
      annotations: { [ANSWERED_ANNOTATION]: text },
    },
  });
}

function follow(api: ReturnType<typeof createMemoryApi>): void {
  const edge = { client: api.client, ports: noted.ports, signal: stop.signal, streamingList: true };
  void followAnsweredElsewhere(edge, NAMESPACE, (answered) =>
    told.push(answered.map(({ address, machine }) => `${address}=${machine}`).join(" ")),
  );
}

it("tells what all speakers say, whenever that changes", async () => {
  const api = createMemoryApi(clock, ["configurationstates", "configurationstates/status"]);
  put(api, "n1", "");
  put(api, "n9", `192.0.2.9=${MACHINE}`, "controller");
  follow(api);
  await clock.advance(0);
  expect(told).toEqual([]);
  put(api, "n1", `192.0.2.1=${MACHINE}`);
  put(api, "n2", `192.0.2.2=${MACHINE}`);
  put(api, "n2", `192.0.2.2=${MACHINE}`);
  api.remove(STATES, `${NAMESPACE}/speaker-n1`);
  await clock.advance(0);
  expect(told).toEqual([`192.0.2.1=${MACHINE}`, `192.0.2.1=${MACHINE} 192.0.2.2=${MACHINE}`, `192.0.2.2=${MACHINE}`]);
});

it("goes on without where it is not permitted, says so once, and begins when it is granted", async () => {
  const api = createMemoryApi(clock, ["configurationstates", "configurationstates/status"]);
  let granted = false;
  api.isGranted = (permission) => granted || permission !== "watch configurationstates";
  put(api, "n1", `192.0.2.1=${MACHINE}`);
  follow(api);
  await clock.advance(3_600_000);
  expect(noted.log.filter((line) => line.includes("are not permitted"))).toHaveLength(1);
  expect(api.requests.filter(({ line }) => line.includes("configurationstates?"))).toEqual([]);
  granted = true;
  await clock.advance(1_200_000);
  expect(told).toEqual([`192.0.2.1=${MACHINE}`]);
});

it("asks a server that does not know the kind for nothing", async () => {
  const api = createMemoryApi(clock);
  follow(api);
  await clock.advance(3_600_000);
  expect([told, noted.log.filter((line) => !line.startsWith("debug"))]).toEqual([[], []]);
});
