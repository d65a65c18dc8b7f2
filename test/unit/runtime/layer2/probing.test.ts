import { expect, it } from "vitest";
import type { AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import { addressOf, type AnnouncedAddresses } from "../../../../src/runtime/layer2/announced-addresses.js";
import {
  beginProbe,
  createProbes,
  endProbe,
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
  restartProbes(all.probes, 5000);
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
