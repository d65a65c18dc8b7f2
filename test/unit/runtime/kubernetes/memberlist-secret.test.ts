import { afterEach, beforeEach, expect, it } from "vitest";
import {
  lookAfterMemberlistSecret,
  type MemberlistSecretOptions,
} from "../../../../src/runtime/kubernetes/memberlist-secret.js";
import { createManualClock, type ManualClock } from "../controller/fixtures.js";
import { notePorts, type Noted } from "./fixtures.js";
import { createMemoryApi } from "./memory-api.js";

const SECRETS = "/api/v1/secrets";
const NAMESPACE = "metallb-system";
const OCTETS = Uint8Array.from({ length: 16 }, (_, index) => 0xf0 + index);

let clock: ManualClock;
let noted: Noted;
let stop: AbortController;
let api: ReturnType<typeof createMemoryApi>;

beforeEach(() => {
  clock = createManualClock();
  noted = notePorts(clock, 0.5);
  stop = new AbortController();
  api = createMemoryApi(clock);
});
afterEach(() => stop.abort());

let ended: boolean;
let isOurTurn: boolean;

/** Begins, and has looked once. */
async function ensure(rest: Partial<MemberlistSecretOptions> = {}): Promise<void> {
  [ended, isOurTurn] = [false, true];
  void lookAfterMemberlistSecret({
    client: api.client,
    ports: noted.ports,
    signal: stop.signal,
    namespace: NAMESPACE,
    name: "memberlist",
    deployment: "controller",
    isOurTurn: () => isOurTurn,
    randomOctets: (count) => OCTETS.slice(0, count),
    ...rest,
  }).then(() => (ended = true));
  await clock.advance(0);
}
const secret = () => api.get(SECRETS, `${NAMESPACE}/memberlist`);

it("makes it where it is not there: 22 characters, owned by the Deployment", async () => {
  const { metadata } = api.put("/apis/apps/v1/deployments", { metadata: { name: "controller", namespace: NAMESPACE } });
  await ensure();
  expect(secret()).toMatchObject({
    kind: "Secret",
    metadata: {
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "controller", uid: metadata["uid"] }],
    },
  });
  const data = secret()?.["data"] as { secretkey: string } | undefined;
  expect(Buffer.from(data?.secretkey ?? "", "base64").toString()).toBe("8PHy8/T19vf4+fr7/P3+/w");
  expect(noted.log.join()).not.toContain("8PHy8");
});

it.each([
  { name: "the Deployment is not there", rest: {} },
  { name: "none is named", rest: { deployment: "" } },
  { name: "it may not be seen", rest: {}, denied: "get deployments" },
])("makes it without an owner where $name", async ({ rest, denied }) => {
  if (denied !== undefined) api.isGranted = (permission) => permission !== denied;
  await ensure(rest);
  expect(secret()?.metadata["ownerReferences"]).toEqual([]);
});

it("leaves one that is there as it is, and does not ask for it by name, which old installs do not grant", async () => {
  api.put(SECRETS, { metadata: { name: "memberlist", namespace: NAMESPACE }, data: { secretkey: "b2xk" } });
  await ensure();
  expect(api.writes()).toEqual([]);
  expect(api.requests.map(({ line }) => line)).toEqual([`GET /api/v1/namespaces/${NAMESPACE}/secrets`]);
});

it("does nothing without a name, and is content where somebody else was faster", async () => {
  await ensure({ name: "" });
  expect(api.requests).toEqual([]);
  api.fault = (method, path) =>
    method === "POST" && path.endsWith("/secrets") ? { status: 409, body: { message: "exists" } } : undefined;
  await ensure();
  expect(noted.log).toEqual([]);
});

it.each([
  { denied: "list secrets", says: /not permitted: grant list of the Secret memberlist/ },
  { denied: "create secrets", says: /is not there: make it with the key secretkey, or grant create/ },
])("says once what is missing where $denied is not granted, and tries nothing", async ({ denied, says }) => {
  api.isGranted = (permission) => permission !== denied;
  await ensure();
  expect(api.writes()).toEqual([]);
  expect(noted.log).toEqual([expect.stringMatching(says)]);
  expect(ended).toBe(true);
});

it("goes on until the server takes it", async () => {
  let refusals = 3;
  api.fault = (method, path) =>
    method === "POST" && path.endsWith("/secrets") && refusals-- > 0
      ? { status: 503, body: { message: "x" } }
      : undefined;
  await ensure();
  await clock.advance(60_000);
  expect(secret()).toBeDefined();
});

it.each([
  { name: "made by us", data: undefined },
  { name: "found", data: { secretkey: "b2xk" } },
])("makes it anew within ten seconds where it is deleted, with the key that it had: $name", async ({ data }) => {
  if (data !== undefined) api.put(SECRETS, { metadata: { name: "memberlist", namespace: NAMESPACE }, data });
  await ensure();
  const before = secret()?.["data"];
  expect(before).toBeDefined();
  for (let times = 0; times < 2; times += 1) {
    api.remove(SECRETS, `${NAMESPACE}/memberlist`);
    await clock.advance(10_000);
    expect(secret()?.["data"]).toEqual(before);
  }
  expect(noted.log.filter((line) => line.includes("its key is as before"))).toHaveLength(2);
});

it("leaves it to another controller when it is that one's turn", async () => {
  await ensure();
  isOurTurn = false;
  api.remove(SECRETS, `${NAMESPACE}/memberlist`);
  await clock.advance(60_000);
  expect([ended, secret()]).toEqual([true, undefined]);
});

it("ends with the signal", async () => {
  await ensure();
  stop.abort();
  await clock.advance(0);
  expect(ended).toBe(true);
});
