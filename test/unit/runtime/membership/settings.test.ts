import { describe, expect, it } from "vitest";
import { describeFault } from "../../../../src/runtime/net/fault.js";
import { readParametersFile } from "../../../../src/runtime/membership/parameters-file.js";
import {
  LAN_PARAMETERS,
  pushPullInterval,
  retransmitLimit,
  WAN_PARAMETERS,
} from "../../../../src/runtime/membership/parameters.js";
import { readMembershipSettings } from "../../../../src/runtime/membership/settings.js";

const NEW = {
  METALLB_ML_BIND_ADDR: "10.0.0.1",
  METALLB_ML_LABELS: "app=metallb,component=speaker",
  METALLB_ML_SECRET_KEY_PATH: "/etc/ml_secret_key",
};
const settings = {
  bindAddress: "10.0.0.1",
  port: 7946,
  labels: "app=metallb,component=speaker",
  namespace: undefined,
  secretFile: undefined,
  secret: undefined,
  keyGeneration: "new",
  parameters: LAN_PARAMETERS,
};
const OPEN = { METALLB_ML_BIND_ADDR: "10.0.0.1", METALLB_ML_LABELS: settings.labels };

describe("readMembershipSettings()", () => {
  it.each([
    { name: "v0.13.9 and later", flags: {}, environment: NEW, more: { secretFile: "/etc/ml_secret_key/secretkey" } },
    {
      name: "v0.9: the secret itself, with a line break as openssl writes it, and a namespace",
      flags: {},
      environment: { ...OPEN, METALLB_ML_SECRET_KEY: "ab\ncd", METALLB_ML_NAMESPACE: "metallb" },
      more: { secret: new TextEncoder().encode("ab\ncd"), keyGeneration: "old", namespace: "metallb" },
    },
    {
      name: "both ways to give a secret: the newer",
      flags: {},
      environment: { ...NEW, METALLB_ML_SECRET_KEY: "x" },
      more: { secretFile: "/etc/ml_secret_key/secretkey" },
    },
    { name: "no secret", flags: {}, environment: OPEN, more: {} },
    {
      name: "flags before variables",
      flags: { "ml-bindaddr": "FD00:0::1", "ml-bindport": "7000", "ml-secret-key-path": "/k/", "ml-wan-config": true },
      environment: { ...NEW, METALLB_ML_BIND_PORT: "8000" },
      more: { bindAddress: "fd00::1", port: 7000, secretFile: "/k/secretkey", parameters: WAN_PARAMETERS },
    },
    { name: "an empty port", flags: {}, environment: { ...OPEN, METALLB_ML_BIND_PORT: "" }, more: {} },
  ])("takes $name", ({ flags, environment, more }) => {
    expect(readMembershipSettings(flags, environment)).toEqual({ ok: true, value: { ...settings, ...more } });
  });

  it.each([
    { name: "no address", environment: { METALLB_ML_LABELS: "app=metallb" } },
    { name: "no labels", environment: { METALLB_ML_BIND_ADDR: "10.0.0.1" } },
    { name: "an empty address", environment: { ...NEW, METALLB_ML_BIND_ADDR: "" } },
  ])("is off with $name", ({ environment }) => {
    expect(readMembershipSettings({}, environment)).toEqual({ ok: true, value: undefined });
  });

  it("says all that is wrong, and where it stands", () => {
    const result = readMembershipSettings(
      { "ml-bindport": "70000" },
      { ...NEW, METALLB_ML_BIND_ADDR: "node1", METALLB_ML_SECRET_KEY: "hush" },
    );
    expect(result.ok ? [] : result.fault.map(describeFault)).toEqual([
      'Cannot use environment variable METALLB_ML_BIND_ADDR: value is "node1", which is no address: write an IPv4 or IPv6 address of this node',
      'Cannot use flag --ml-bindport: value is "70000", which is no port: write a whole number of 1 to 65535',
    ]);
  });
});

describe("readParametersFile()", () => {
  const durations = {
    TCPTimeout: "10s",
    PushPullInterval: "30s",
    ProbeTimeout: "500ms",
    ProbeInterval: "1s",
    GossipInterval: "200ms",
    GossipToTheDeadTime: "30s",
    QueueCheckInterval: "30s",
  };
  const all = {
    ...durations,
    IndirectChecks: 3,
    RetransmitMult: 4,
    SuspicionMult: 4,
    SuspicionMaxTimeoutMult: 6,
    DisableTcpPings: false,
    AwarenessMaxMultiplier: 8,
    GossipNodes: 3,
    GossipVerifyIncoming: true,
    GossipVerifyOutgoing: true,
    EnableCompression: true,
    HandoffQueueDepth: 1024,
    UDPBufferSize: 1400,
  };

  it("takes every field, in any case, and passes over others", () => {
    const text = JSON.stringify({ ...all, probeinterval: "250ms", ProbeInterval: undefined, Other: [1] });
    expect(readParametersFile(text, "config.json")).toEqual({
      ok: true,
      value: { ...LAN_PARAMETERS, probeIntervalMilliseconds: 250 },
    });
  });

  it("reads what is missing as 0 and false", () => {
    const result = readParametersFile(JSON.stringify(durations), "config.json");
    expect(result.ok && result.value).toMatchObject({ gossipNodes: 0, enableCompression: false, udpBufferOctets: 0 });
  });

  it("says all that is wrong", () => {
    const text = JSON.stringify({
      ...all,
      TCPTimeout: undefined,
      ProbeTimeout: 500,
      GossipInterval: "-1s",
      GossipNodes: -1,
      EnableCompression: "yes",
    });
    const result = readParametersFile(text, "config.json");
    expect(result.ok ? [] : result.fault.map(describeFault)).toEqual([
      'Cannot use config.json: /TCPTimeout is absent, which has to be given: write one as "500ms" or "1m30s"',
      'Cannot use config.json: /ProbeTimeout is 500, which is no duration: write one as "500ms" or "1m30s"',
      "Cannot use config.json: /GossipNodes is -1, which is no count: write a whole number of 0 to 1000000",
      'Cannot use config.json: /GossipInterval is "-1s", which is negative: write one as "500ms" or "1m30s"',
      'Cannot use config.json: /EnableCompression is "yes", which is no flag: write true or false',
    ]);
  });

  it.each(["", "[]", "null", "{"])("refuses %j", (text) => {
    expect(readParametersFile(text, "config.json")).toMatchObject({ ok: false, fault: [{ object: "config.json" }] });
  });
});

it.each([
  { members: 1, limit: 4, interval: 30_000 },
  { members: 9, limit: 4, interval: 30_000 },
  { members: 10, limit: 8, interval: 30_000 },
  { members: 33, limit: 8, interval: 60_000 },
  { members: 100, limit: 12, interval: 90_000 },
])(
  "a fleet of $members passes a rumour on $limit times, and exchanges all every $interval ms",
  ({ members, limit, interval }) => {
    expect(retransmitLimit(LAN_PARAMETERS, members)).toBe(limit);
    expect(pushPullInterval(LAN_PARAMETERS, members)).toBe(interval);
  },
);
