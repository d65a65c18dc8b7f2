import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadMembership } from "../../../src/runtime/membership-edge.js";
import { LAN_PARAMETERS } from "../../../src/runtime/membership/parameters.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const OPEN = { METALLB_ML_BIND_ADDR: "10.0.0.1", METALLB_ML_LABELS: "app=metallb" };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smelter-membership-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const load = (environment: Readonly<Record<string, string>>, parametersFile = join(folder, "config.json")) =>
  loadMembership({}, environment, parametersFile);
const keySizes = async (environment: Readonly<Record<string, string>>) => {
  const result = await load(environment);
  return result.ok ? result.value?.keys.map((key) => key.symmetricKeySize) : result.fault.map(describeFault);
};

it("makes the keys of the mounted secret as it is, that of the generation first that gives it so", async () => {
  writeFileSync(join(folder, "secretkey"), "secret\n");
  expect(await keySizes({ ...OPEN, METALLB_ML_SECRET_KEY_PATH: folder })).toEqual([32, 16]);
  expect(await keySizes({ ...OPEN, METALLB_ML_SECRET_KEY: "secret" })).toEqual([16, 32]);
  expect(await keySizes(OPEN)).toEqual([]);
});

it("is off without an address", async () => {
  expect(await load({})).toEqual({ ok: true, value: undefined });
});

it("goes by the file of parameters where there is one", async () => {
  const file = { TCPTimeout: "1s", PushPullInterval: "1s", ProbeTimeout: "1s", ProbeInterval: "7s" };
  const rest = { GossipInterval: "1s", GossipToTheDeadTime: "1s", QueueCheckInterval: "1s" };
  expect(await load(OPEN)).toMatchObject({ value: { parameters: LAN_PARAMETERS } });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...file, ...rest }));
  expect(await load(OPEN)).toMatchObject({ value: { parameters: { probeIntervalMilliseconds: 7000 } } });
});

it("says all files that it cannot use", async () => {
  mkdirSync(join(folder, "config.json"));
  const result = await load({ ...OPEN, METALLB_ML_SECRET_KEY_PATH: join(folder, "none") });
  expect(result.ok ? [] : result.fault.map(describeFault)).toEqual([
    `Cannot use file ${folder}/none/secretkey: it cannot be read (ENOENT): mount the Secret memberlist there, or give no folder`,
    `Cannot use file ${folder}/config.json: it cannot be read (EISDIR): let this process read it, or take it away`,
  ]);
});
