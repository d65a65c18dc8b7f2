import { describe, expect, it } from "vitest";
import type { AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import { addressOf, type AnnouncedAddresses } from "../../../../src/runtime/layer2/announced-addresses.js";
import {
  beginHandover,
  beginProbe,
  createProbes,
  endProbe,
  HANDOVER_LIMIT_MILLISECONDS,
  nextProbeAt,
  probeAgainLater,
  restartProbes,
  takeDueProbes,
  type Probes,
} from "../../../../src/runtime/layer2/probing.js";

function world(): { probes: Probes; addresses: AnnouncedAddresses } {
  return { probes: createProbes(), addresses: new Map() };
}

/** Runs the probes until nothing is due before `end`: what happened, with its time. An ended probe is ended. */
function run({ probes, addresses }: ReturnType<typeof world>, end: number, limit = 100): string[] {
  const log: string[] = [];
  for (let at = nextProbeAt(probes); at !== undefined && at <= end; at = nextProbeAt(probes)) {
    const due = takeDueProbes(probes, addresses, at, limit);
    for (const key of due.toSend) log.push(`${at} ask ${key}`);
    for (const key of due.ended) {
      const address = addressOf(addresses, key);
      log.push(`${at} ${address.probe?.claim?.mac ?? "free"} ${key}`);
      endProbe(probes, address);
    }
  }
  return log;
}

function begin({ probes, addresses }: ReturnType<typeof world>, key: AddressKey, now: number): void {
  beginProbe(probes, addressOf(addresses, key), undefined, now);
}

it("asks twice, 100 ms apart, and waits for 200 ms", () => {
  const all = world();
  begin(all, 1, 1000);
  begin(all, 2, 1050);
  expect(run(all, Infinity)).toEqual([
    "1000 ask 1",
    "1050 ask 2",
    "1100 ask 1",
    "1150 ask 2",
    "1300 free 1",
    "1350 free 2",
  ]);
});

it.each([
  { name: "before the second does not count: its sender may just have given the address up", until: 0, found: "free" },
  { name: "after the second counts", until: 100, found: "02:00:00:00:00:03" },
])("a claim $name", ({ until, found }) => {
  const all = world();
  begin(all, 1, 0);
  run(all, until);
  const { probe } = addressOf(all.addresses, 1);
  if (probe !== undefined) probe.claim = { interface: "eth0", mac: "02:00:00:00:00:03" };
  expect(run(all, Infinity).at(-1)).toBe(`300 ${found} 1`);
});

it("goes on for other interfaces where it is begun again, and ends where it is ended", () => {
  const all = world();
  begin(all, 1, 0);
  run(all, 0);
  beginProbe(all.probes, addressOf(all.addresses, 1), new Set(["eth1"]), 50);
  expect(addressOf(all.addresses, 1).probe?.interfaces).toEqual(new Set(["eth1"]));
  expect(run(all, 100)).toEqual(["100 ask 1"]);
  endProbe(all.probes, addressOf(all.addresses, 1));
  expect(nextProbeAt(all.probes)).toBe(undefined);
});

it("begins anew what was under way when answers were lost, and asks a minute later for what was given up", () => {
  const all = world();
  begin(all, 1, 0);
  begin(all, 2, 100);
  probeAgainLater(all.probes, addressOf(all.addresses, 3), undefined, 0);
  run(all, 100);
  restartProbes(all.probes, all.addresses, 5000);
  expect(run(all, Infinity)).toEqual([
    "5000 ask 2",
    "5000 ask 1",
    "5100 ask 2",
    "5100 ask 1",
    "5300 free 2",
    "5300 free 1",
    "60000 ask 3",
    "60100 ask 3",
    "60300 free 3",
  ]);
});

it("works a long list off in parts, and passes over an address that is no more probed for", () => {
  const all = world();
  for (let key = 0; key < 10; key += 1) begin(all, key, 0);
  addressOf(all.addresses, 4).probe = undefined;
  const sizes = [0, 0, 0].map(() => takeDueProbes(all.probes, all.addresses, 0, 4).toSend.length);
  expect(sizes).toEqual([4, 4, 1]);
});

describe("a handover", () => {
  const handOver = ({ probes, addresses }: ReturnType<typeof world>, key: AddressKey, now: number): void =>
    beginHandover(probes, addressOf(addresses, key), undefined, now);
  function claim({ addresses }: ReturnType<typeof world>, key: AddressKey): void {
    const { probe } = addressOf(addresses, key);
    if (probe !== undefined) probe.claim = { interface: "eth0", mac: "02:00:00:00:00:03" };
  }

  it("asks every 50 ms, and ends when nobody has answered for 150 ms", () => {
    const all = world();
    handOver(all, 1, 1000);
    expect(run(all, Infinity)).toEqual(["1000 ask 1", "1050 ask 1", "1100 ask 1", "1150 free 1"]);
  });

  it("counts anew from the first probe after an answer", () => {
    const all = world();
    handOver(all, 1, 0);
    const log = run(all, 100);
    claim(all, 1);
    log.push(...run(all, Infinity));
    expect(log).toEqual(["0 ask 1", "50 ask 1", "100 ask 1", "150 ask 1", "200 ask 1", "250 ask 1", "300 free 1"]);
  });

  it("does not count what was said before its first probe", () => {
    const all = world();
    handOver(all, 1, 0);
    claim(all, 1);
    expect(run(all, Infinity).at(-1)).toBe("150 free 1");
  });

  it("takes the place of a probe for an address that comes from nobody", () => {
    const all = world();
    begin(all, 1, 0);
    run(all, 0);
    handOver(all, 1, 10);
    expect(run(all, Infinity)).toEqual(["10 ask 1", "60 ask 1", "110 ask 1", "160 free 1"]);
  });

  it("of many goes slower: 2,000 probes a second in all", () => {
    const all = world();
    for (let key = 0; key < 1000; key += 1) handOver(all, key, 0);
    run(all, 0, 10_000);
    expect(nextProbeAt(all.probes)).toBe(500);
  });

  it("ends as a conflict where it takes too long", () => {
    const all = world();
    handOver(all, 1, 0);
    run(all, 0);
    claim(all, 1);
    const [last] = takeDueProbes(all.probes, all.addresses, HANDOVER_LIMIT_MILLISECONDS, 1).ended;
    expect([last, addressOf(all.addresses, 1).probe?.claim?.mac]).toEqual([1, "02:00:00:00:00:03"]);
  });

  it("begins anew after a halt, when answers may have been missed", () => {
    const all = world();
    handOver(all, 1, 0);
    run(all, 0);
    restartProbes(all.probes, all.addresses, 5000);
    expect(run(all, Infinity).at(-1)).toBe("5150 free 1");
  });
});
