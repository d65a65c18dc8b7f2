import { afterEach, beforeEach, expect, it } from "vitest";
import {
  createConfigurationState,
  type ConfigurationState,
  type ConfigurationStateOptions,
} from "../../../../src/runtime/kubernetes/configuration-state.js";
import { createManualClock, type ManualClock } from "../controller/fixtures.js";
import { notePorts, type Noted } from "./fixtures.js";
import { createMemoryApi } from "./memory-api.js";

const STATES = "/apis/metallb.io/v1beta1/configurationstates";
const PODS = "/api/v1/pods";
const NAMESPACE = "metallb-system";
const PROBLEM = "Cannot use ConfigMap metallb-system/config: it is bad: mend it";

let clock: ManualClock;
let noted: Noted;
let stop: AbortController;
let api: ReturnType<typeof createMemoryApi>;
let mayWrite: boolean;

beforeEach(() => {
  clock = createManualClock();
  noted = notePorts(clock, 0.5);
  stop = new AbortController();
  api = createMemoryApi(clock, ["configurationstates", "configurationstates/status"]);
  mayWrite = true;
});
afterEach(() => stop.abort());

const begin = (rest: Partial<ConfigurationStateOptions> = {}): ConfigurationState =>
  createConfigurationState({
    client: api.client,
    ports: noted.ports,
    signal: stop.signal,
    namespace: NAMESPACE,
    writer: { component: "controller" },
    podName: "",
    mayWrite: () => mayWrite,
    ...rest,
  });
const state = (name = "controller") => api.get(STATES, `${NAMESPACE}/${name}`);
const said = (): readonly string[] => noted.log.filter((line) => !line.startsWith("debug"));

it("says that the configuration is in use, then why the next is not, and since when", async () => {
  const { report } = begin();
  report([]);
  await clock.advance(1_500);
  expect(state()).toMatchObject({
    metadata: { labels: { "metallb.io/component-type": "controller" } },
    status: {
      result: "Valid",
      errorSummary: "",
      conditions: [
        {
          type: "poolReconcilerValid",
          status: "True",
          reason: "Reconciled",
          message: "",
          lastTransitionTime: "1970-01-01T00:00:00Z",
        },
      ],
    },
  });
  report([PROBLEM, "and another"]);
  await clock.advance(10_000);
  report([PROBLEM]);
  await clock.advance(10_000);
  expect(state()?.["status"]).toEqual({
    result: "Invalid",
    errorSummary: PROBLEM,
    conditions: [
      {
        type: "poolReconcilerValid",
        status: "False",
        reason: "ConfigurationError",
        message: PROBLEM,
        lastTransitionTime: "1970-01-01T00:00:01Z", // it has been false since the first of the two
      },
    ],
  });
});

it("is named and labelled for the node of a speaker, and goes with its Pod", async () => {
  const { metadata } = api.put(PODS, { metadata: { name: "speaker-x7k", namespace: NAMESPACE } });
  begin({ writer: { component: "speaker", node: "n1" }, podName: "speaker-x7k" }).report([]);
  await clock.advance(0);
  expect(state("speaker-n1")).toMatchObject({
    metadata: {
      labels: { "metallb.io/component-type": "speaker", "metallb.io/node-name": "n1" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "speaker-x7k", uid: metadata["uid"] }],
    },
    status: { conditions: [{ type: "configReconcilerValid", status: "True" }] },
  });
});

it("carries annotations, at once where something was reported, and leaves those of others alone", async () => {
  const { report, annotate } = begin();
  annotate({ "metallb.io/answered-elsewhere": "192.0.2.1=02:00:00:00:00:03" });
  await clock.advance(60_000);
  expect(state()).toBe(undefined); // there is nothing to say of the configuration yet
  report([]);
  await clock.advance(60_000);
  const annotations = (): unknown => state()?.metadata["annotations"];
  expect(annotations()).toEqual({ "metallb.io/answered-elsewhere": "192.0.2.1=02:00:00:00:00:03" });
  const before = state();
  if (before === undefined) throw new Error("there is no state");
  api.put(STATES, { ...before, metadata: { ...before.metadata, annotations: { mine: "" } } });
  annotate({ "metallb.io/answered-elsewhere": "192.0.2.2=02:00:00:00:00:03" });
  await clock.advance(60_000);
  expect(annotations()).toEqual({ mine: "", "metallb.io/answered-elsewhere": "192.0.2.2=02:00:00:00:00:03" });
  annotate({ "metallb.io/answered-elsewhere": "" });
  await clock.advance(60_000);
  expect(annotations()).toEqual({ mine: "" });
  expect(state()?.["status"]).toMatchObject({ result: "Valid" });
});

it("writes nothing where the result is the same, and after a restart only its new owner", async () => {
  api.put(PODS, { metadata: { name: "one", namespace: NAMESPACE } });
  const first = begin({ podName: "one" });
  for (let times = 0; times < 3; times += 1) {
    first.report([PROBLEM]);
    await clock.advance(60_000);
  }
  const status = state()?.["status"];
  expect(api.writes()).toHaveLength(2); // made, and its status
  begin({ podName: "one" }).report([PROBLEM]);
  await clock.advance(60_000);
  expect(api.writes()).toHaveLength(2);
  const { metadata } = api.put(PODS, { metadata: { name: "two", namespace: NAMESPACE } });
  begin({ podName: "two" }).report([PROBLEM]);
  await clock.advance(60_000);
  expect(api.writes().slice(2)).toEqual([expect.stringMatching(/^PUT .*\/configurationstates\/controller$/)]);
  expect(state()?.metadata["ownerReferences"]).toMatchObject([{ name: "two", uid: metadata["uid"] }]);
  expect(state()?.["status"]).toEqual(status);
});

it("makes few writes of many edits, the last of them one of the last", async () => {
  const { report } = begin();
  for (let edit = 0; edit <= 100; edit += 1) {
    report(edit % 2 === 0 ? [] : [`problem ${edit}`]);
    await clock.advance(50);
  }
  await clock.advance(5_000);
  expect(state()?.["status"]).toMatchObject({ result: "Valid" });
  expect(api.writes().length).toBeLessThanOrEqual(8); // in 5 s
});

it("leaves it to who leads, and looks what that one wrote when it leads itself", async () => {
  mayWrite = false;
  const { report, resume } = begin();
  resume(); // nothing has been reported yet
  report([]);
  await clock.advance(60_000);
  expect(api.requests).toEqual([]);
  mayWrite = true;
  resume();
  await clock.advance(0);
  expect(state()?.["status"]).toMatchObject({ result: "Valid" });
});

it("writes on what another writer made in between", async () => {
  const { report } = begin();
  report([]);
  await clock.advance(0);
  let races = 3;
  api.fault = (method, path) => {
    const object = state();
    if (method === "PUT" && path.endsWith("/status") && object !== undefined && races-- > 0)
      api.put(STATES, { ...object, metadata: { ...object.metadata, annotations: { note: `${races}` } } });
    return undefined;
  };
  report([PROBLEM]);
  await clock.advance(60_000);
  expect(state()).toMatchObject({ metadata: { annotations: { note: "0" } }, status: { result: "Invalid" } });
});

it.each([
  {
    name: "where the kind is not served",
    make: () => createMemoryApi(clock, ["ipaddresspools"]),
    says: /^info: .*does not know the kind: apply the definitions/,
  },
  {
    name: "where it is not permitted",
    make: () => Object.assign(createMemoryApi(clock, ["configurationstates/status"]), { isGranted: () => false }),
    says: /^info: .*not permitted: grant create, get and update/,
  },
])("is off $name, which is said once", async ({ make, says }) => {
  api = make();
  const { report } = begin();
  report([]);
  await clock.advance(60_000);
  report([PROBLEM]);
  await clock.advance(600_000);
  expect(api.writes()).toEqual([]);
  expect(said()).toEqual([expect.stringMatching(says)]);
});

it("comes through when the server answers again", async () => {
  api.fault = () => ({ status: 503, body: { message: "starting" } });
  begin().report([]);
  await clock.advance(60_000);
  expect(state()).toBeUndefined();
  delete api.fault;
  await clock.advance(300_000);
  expect(state()?.["status"]).toMatchObject({ result: "Valid" });
  expect(said()).toEqual([]);
});

it("is made anew where somebody deletes it, and says again what somebody else wrote over", async () => {
  begin().report([PROBLEM]);
  await clock.advance(1_000);
  api.remove(STATES, `${NAMESPACE}/controller`);
  await clock.advance(1_200_000);
  expect(state()?.["status"]).toMatchObject({ result: "Invalid" });
  const object = state();
  if (object !== undefined) api.put(STATES, { ...object, status: { result: "Valid" } });
  await clock.advance(1_200_000);
  expect(state()?.["status"]).toMatchObject({ result: "Invalid", errorSummary: PROBLEM });
  stop.abort();
  expect(clock.waiting()).toEqual([]);
});
