import { afterEach, beforeEach, expect, it } from "vitest";
import { announcementName, BGP_STATUS, LAYER2_STATUS } from "../../../../src/runtime/kubernetes/announcement-object.js";
import {
  createAnnouncementStatus,
  type AnnouncementStatus,
  type AnnouncementStatusOptions,
} from "../../../../src/runtime/kubernetes/announcement-status.js";
import { createManualClock, type ManualClock } from "../controller/fixtures.js";
import { notePorts, type Noted } from "./fixtures.js";
import { createMemoryApi, type Stored } from "./memory-api.js";

const STATUSES = "/apis/metallb.io/v1beta1/servicel2statuses";
const BGP_STATUSES = "/apis/metallb.io/v1beta1/servicebgpstatuses";
const PODS = "/api/v1/pods";
const NAMESPACE = "metallb-system";
const SERVED = ["servicel2statuses", "servicel2statuses/status", "servicebgpstatuses", "servicebgpstatuses/status"];
const WEB = "default/web";

let clock: ManualClock;
let noted: Noted;
let stop: AbortController;
let api: ReturnType<typeof createMemoryApi>;

beforeEach(() => {
  clock = createManualClock();
  noted = notePorts(clock, 0.5);
  stop = new AbortController();
  api = createMemoryApi(clock, SERVED);
});
afterEach(() => stop.abort());

const create = (rest: Partial<AnnouncementStatusOptions> = {}): AnnouncementStatus =>
  createAnnouncementStatus({
    client: api.client,
    ports: noted.ports,
    signal: stop.signal,
    streamingList: false,
    namespace: NAMESPACE,
    node: "n1",
    podName: "",
    kind: LAYER2_STATUS,
    ...rest,
  });
/** One that has nothing to say yet and has begun. */
async function begin(rest: Partial<AnnouncementStatusOptions> = {}): Promise<AnnouncementStatus> {
  const status = create(rest);
  status.begin();
  await clock.advance(0);
  return status;
}
const isAboutStatuses = (path: string): boolean => path.includes("/servicel2statuses");
const nameOf = (service: string): string => announcementName(LAYER2_STATUS, service, "n1");
const stored = (service: string): Stored | undefined => api.get(STATUSES, `${NAMESPACE}/${nameOf(service)}`);
const nodeOf = (service: string): unknown => (stored(service)?.["status"] as { node?: string } | undefined)?.node;
const all = (collection = STATUSES): readonly Stored[] => {
  const names = new Set(
    api.requests.flatMap(({ body }) => (body as Stored | undefined)?.metadata?.name ?? []).concat(made),
  );
  return [...names].flatMap((name) => api.get(collection, `${NAMESPACE}/${name}`) ?? []);
};
let made: string[] = [];
/** As another speaker, or an earlier one, made it. */
function put(name: string, node: string, service = WEB, rest: object = {}): void {
  const [serviceNamespace = "", serviceName = ""] = service.split("/");
  const labels = {
    "metallb.io/node": node,
    "metallb.io/service-name": serviceName,
    "metallb.io/service-namespace": serviceNamespace,
  };
  made.push(name);
  api.put(STATUSES, {
    metadata: { name, namespace: NAMESPACE, labels },
    status: { node, serviceName, serviceNamespace, ...rest },
  });
}
beforeEach(() => void (made = []));

it("says who answers for a Service and where, by the labels that tools know, and goes with its Pod", async () => {
  const { metadata } = api.put(PODS, { metadata: { name: "speaker-x7k", namespace: NAMESPACE } });
  const status = await begin({ podName: "speaker-x7k" });
  status.set(WEB, ["eth0", "eth1"]);
  status.set("default/everywhere", []);
  await clock.advance(5_000);
  expect(stored(WEB)).toMatchObject({
    apiVersion: "metallb.io/v1beta1",
    kind: "ServiceL2Status",
    metadata: {
      name: expect.stringMatching(/^l2-/),
      labels: {
        "metallb.io/node": "n1",
        "metallb.io/service-name": "web",
        "metallb.io/service-namespace": "default",
      },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "speaker-x7k", uid: metadata["uid"] }],
    },
  });
  expect(stored(WEB)?.["status"]).toEqual({
    node: "n1",
    serviceName: "web",
    serviceNamespace: "default",
    interfaces: [{ name: "eth0" }, { name: "eth1" }],
  });
  expect(stored("default/everywhere")?.["status"]).toEqual({
    node: "n1",
    serviceName: "everywhere",
    serviceNamespace: "default",
  });
});

it("says to which peers a Service is sent, in an object of this node's own", async () => {
  const status = await begin({ kind: BGP_STATUS });
  status.set(WEB, ["router-a", "router-b"]);
  await clock.advance(5_000);
  const [object, ...others] = all(BGP_STATUSES);
  expect(others).toEqual([]);
  expect(object).toMatchObject({
    kind: "ServiceBGPStatus",
    metadata: { name: expect.stringMatching(/^bgp-/) },
    status: { node: "n1", serviceName: "web", serviceNamespace: "default", peers: ["router-a", "router-b"] },
  });
  expect(announcementName(BGP_STATUS, WEB, "n1")).not.toBe(announcementName(BGP_STATUS, WEB, "n2"));
});

it("is changed with the interfaces, and taken away with the announcement, each by one write", async () => {
  const status = await begin();
  status.set(WEB, ["eth0"]);
  await clock.advance(5_000);
  const before = api.writes().length;
  status.set(WEB, []);
  await clock.advance(5_000);
  expect(stored(WEB)?.["status"]).not.toHaveProperty("interfaces");
  status.set(WEB, undefined);
  await clock.advance(0);
  expect(stored(WEB)).toBeUndefined();
  expect(api.writes().slice(before)).toEqual([
    expect.stringMatching(/^PUT .*\/status$/),
    expect.stringMatching(/^DELETE /),
  ]);
});

it("makes no write in an hour of saying the same, nor after a restart in the same place", async () => {
  const status = await begin();
  status.set(WEB, ["eth0"]);
  await clock.advance(5_000);
  const before = api.writes().length;
  expect(before).toBe(2);
  for (let minute = 0; minute < 60; minute += 1) {
    status.set(WEB, ["eth0"]);
    status.set("default/none", undefined);
    await clock.advance(60_000);
  }
  stop.abort();
  stop = new AbortController();
  const next = create();
  next.set(WEB, ["eth0"]);
  next.begin();
  await clock.advance(3_600_000);
  expect(api.writes()).toHaveLength(before);
});

it("asks and writes nothing before everything there is has been looked at, then takes back what is not true any more", async () => {
  put("l2-abcde", "n1");
  put("l2-fghij", "n1", "default/other");
  put("l2-klmno", "n2", "default/elsewhere");
  const status = create();
  status.set(WEB, []);
  await clock.advance(60_000);
  expect(api.requests).toEqual([]);
  status.begin();
  await clock.advance(5_000);
  // The one of a Service that is announced is good enough, whoever named it.
  expect(all().map(({ metadata }) => metadata.name)).toEqual(["l2-abcde", "l2-klmno"]);
  expect(api.writes()).toEqual([expect.stringMatching(/^DELETE .*\/l2-fghij$/)]);
});

it("takes the place of the node that had it before, whether that one takes its own back or is gone", async () => {
  const others = createMemoryStatus("n2");
  others.status.begin();
  others.status.set(WEB, []);
  others.status.set("default/late", []);
  await clock.advance(5_000);
  expect([nodeOf(WEB), nodeOf("default/late")]).toEqual(["n2", "n2"]);
  const status = await begin();
  others.status.set(WEB, undefined);
  status.set(WEB, []);
  others.stop.abort(); // it is killed, and nobody takes back the other one
  status.set("default/late", []);
  await clock.advance(5_000);
  expect([nodeOf(WEB), nodeOf("default/late")]).toEqual(["n1", "n1"]);
});

function createMemoryStatus(node: string) {
  const stop = new AbortController();
  return { status: create({ node, signal: stop.signal }), stop };
}

it("removes what another node has left under a name of its own about a Service that is announced here, and nothing else", async () => {
  put("l2-stale", "n2");
  put("l2-other", "n2", "default/other");
  const status = await begin();
  status.set(WEB, []);
  await clock.advance(5_000);
  expect(
    all()
      .map(({ metadata }) => metadata.name)
      .toSorted(),
  ).toEqual([nameOf(WEB), "l2-other"].toSorted());
});

it("two nodes that both believe to be the only one disturb each other less and less", async () => {
  const other = createMemoryStatus("n2");
  const status = await begin();
  other.status.begin();
  for (const each of [status, other.status]) each.set(WEB, []);
  await clock.advance(120_000);
  const inTwoMinutes = api.writes().length;
  await clock.advance(3_480_000);
  expect(api.writes().length - inTwoMinutes).toBeLessThan(80); // in most of an hour
  other.status.set(WEB, undefined);
  await clock.advance(1_300_000);
  expect(nodeOf(WEB)).toBe("n1");
  other.stop.abort();
});

it("is made again where somebody deletes it, and mended where somebody writes into it", async () => {
  const status = await begin();
  status.set(WEB, ["eth0"]);
  await clock.advance(5_000);
  api.remove(STATUSES, `${NAMESPACE}/${nameOf(WEB)}`);
  await clock.advance(5_000);
  expect(nodeOf(WEB)).toBe("n1");
  put(nameOf(WEB), "n1", WEB, { interfaces: [{ name: "eth9" }] });
  await clock.advance(5_000);
  expect(stored(WEB)?.["status"]).toMatchObject({ interfaces: [{ name: "eth0" }] });
});

it("thousands that move at once come at a pace that leaves the server alone, what is not true any more first", async () => {
  const status = await begin();
  const services = Array.from({ length: 300 }, (_, index) => `default/web-${index}`);
  for (const service of services) status.set(service, []);
  await clock.advance(6_000);
  const begun = api.writes().length;
  expect(begun).toBeGreaterThan(300);
  expect(begun).toBeLessThanOrEqual(100 + 5 * 50 + 4);
  for (const service of services.slice(0, 30)) status.set(service, undefined);
  await clock.advance(500);
  expect(
    new Set(
      api
        .writes()
        .slice(begun + 2)
        .map((line) => line.split(" ")[0]),
    ),
  ).toEqual(new Set(["DELETE"]));
  await clock.advance(60_000);
  expect(services.filter((service) => nodeOf(service) === "n1")).toEqual(services.slice(30));
  expect(api.writes()).toHaveLength(2 * 300 + 30);
});

it("one that comes and goes within a second is not written", async () => {
  const status = await begin();
  for (let times = 0; times < 10; times += 1) {
    status.set(WEB, []);
    await clock.advance(500);
    status.set(WEB, undefined);
    await clock.advance(500);
  }
  expect(api.writes()).toEqual([]);
});

it.each([
  {
    name: "where the kind is not served",
    make: () => createMemoryApi(clock, ["ipaddresspools"]),
    says: /^info: .*does not know the kind: apply the definitions/,
  },
  {
    name: "where it is not permitted",
    make: () =>
      Object.assign(createMemoryApi(clock, SERVED), {
        isGranted: (permission: string) => permission !== "update servicel2statuses/status",
      }),
    says: /^info: .*not permitted: grant get, list, watch, create and delete of servicel2statuses/,
  },
])("is off $name, which is said once; counted what is not written", async ({ make, says }) => {
  api = make();
  const status = await begin();
  status.set(WEB, []);
  await clock.advance(3_600_000);
  expect(api.writes()).toEqual([]);
  expect(noted.log.filter((line) => !line.startsWith("debug"))).toEqual([expect.stringMatching(says)]);
  expect(noted.counts).toContain("dropped status_not_permitted");
  expect(api.requests.length).toBeLessThan(15);
});

it("a definition that does not know the fields costs one write, and one whenever it is tried again, ever more seldom", async () => {
  api.fault = (method, path) => {
    const object = stored(WEB);
    return method === "PUT" && path.endsWith("/status") && object !== undefined
      ? { status: 200, body: { ...object, status: { node: "n1" } } }
      : undefined;
  };
  const status = await begin();
  status.set(WEB, ["eth0"]);
  await clock.advance(6_000);
  expect(api.writes()).toHaveLength(2);
  await clock.advance(3_594_000);
  expect(api.writes().length).toBeLessThan(15);
  expect(noted.log.filter((line) => !line.startsWith("debug"))).toEqual([
    expect.stringMatching(/drops these fields: apply the definitions/),
  ]);
});

it("begins where the permission comes later, and ends where it goes", async () => {
  api.isGranted = () => false;
  const status = await begin();
  status.set(WEB, []);
  await clock.advance(60_000);
  delete api.isGranted;
  await clock.advance(1_300_000);
  expect(nodeOf(WEB)).toBe("n1");
  api.fault = (_, path) => (isAboutStatuses(path) ? { status: 403, body: { message: "no" } } : undefined);
  api.isGranted = () => false;
  status.set("default/more", []);
  await clock.advance(10_000);
  const before = api.writes().length;
  status.set("default/yet-more", []);
  await clock.advance(500_000);
  expect(api.writes()).toHaveLength(before);
  expect(noted.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
});

it("goes on soon after a server that refuses everybody while it starts, and seldom asks one that goes on refusing", async () => {
  const status = await begin();
  const refuse = (_: string, path: string) =>
    isAboutStatuses(path) ? { status: 403, body: { message: "no" } } : undefined;
  api.fault = refuse;
  status.set(WEB, []);
  await clock.advance(2_000);
  delete api.fault;
  await clock.advance(15_000);
  expect(nodeOf(WEB)).toBe("n1");
  api.fault = (method, path) => (method === "POST" ? refuse(method, path) : undefined); // what a quota does
  status.set("default/more", []);
  const before = api.requests.length;
  await clock.advance(3_600_000);
  expect(api.requests.length - before).toBeLessThan(50);
  expect(noted.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
});

it("waits for a server that does not answer, refuses for a while, or lets another one in between", async () => {
  let refusals = 6;
  api.fault = (_, path) => {
    if (!isAboutStatuses(path) || refusals === 0) return undefined;
    refusals -= 1;
    return { status: [503, 429, 409][refusals % 3] ?? 503, body: { message: "later" }, retryAfter: "1" };
  };
  const status = await begin();
  status.set(WEB, []);
  await clock.advance(60_000);
  expect(nodeOf(WEB)).toBe("n1");
});

it("gives up for a while what the server refuses, says why and counts it, and goes on with the others", async () => {
  api.fault = (method, path, body) =>
    method === "POST" && isAboutStatuses(path) && (body as Stored).metadata.name === nameOf(WEB)
      ? { status: 422, body: { message: "bad" } }
      : undefined;
  const status = await begin();
  status.set(WEB, []);
  status.set("default/good", []);
  await clock.advance(60_000);
  expect(nodeOf("default/good")).toBe("n1");
  expect(noted.log.filter((line) => line.startsWith("warn"))).toEqual([expect.stringContaining("bad")]);
  expect(noted.counts.filter((line) => line === "dropped status_refused")).toHaveLength(1);
});

it("counts what was not written yet when it ends, and asks nothing afterwards", async () => {
  const status = await begin();
  for (let index = 0; index < 300; index += 1) status.set(`default/web-${index}`, []);
  await clock.advance(2_000);
  const before = api.requests.length;
  stop.abort();
  await clock.advance(60_000);
  expect(api.requests.length - before).toBeLessThanOrEqual(2); // were on their way
  expect(noted.counts.filter((line) => line === "dropped status_at_shutdown").length).toBeGreaterThan(200);
  expect(clock.waiting()).toEqual([]);
});

it("a node whose name is too long for a label says it in the status", async () => {
  const node = `${"n".repeat(60)}.example.com`;
  put("l2-other", "n2", "default/other");
  const status = await begin({ node });
  status.set(WEB, []);
  await clock.advance(5_000);
  expect(stored(WEB)?.metadata["labels"]).not.toHaveProperty("metallb.io/node");
  expect(nodeOf(WEB)).toBe(node);
  status.set(WEB, undefined);
  await clock.advance(5_000);
  expect(all().map(({ metadata }) => metadata.name)).toEqual(["l2-other"]);
});
