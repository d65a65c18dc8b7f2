import { beforeEach, expect, it } from "vitest";
import { addressKey, formatAddressKey, type AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import { addressOf, type AnnouncedAddresses } from "../../../../src/runtime/layer2/announced-addresses.js";
import {
  packChanges,
  type AddressChange,
  type AnnouncerPolicy,
  type AskFirst,
} from "../../../../src/runtime/layer2/messages.js";
import { createAnnouncer, type Announcer } from "../../../../src/runtime/speaker/layer2-announcer.js";

const [VIP, VIP6] = ["192.0.2.1", "2001:db8::1"];
const THEIRS = "02:00:00:00:00:03";
const keyOf = (address: string): AddressKey => addressKey(address) ?? "";

let now: number;
let log: string[];
let timers: { at: number; run: () => void }[];
let deferred: (() => void)[];
let addresses: AnnouncedAddresses;
let announcer: Announcer;

function start(policy: Partial<AnnouncerPolicy> = {}): void {
  const say =
    (verb: string) =>
    (keys: readonly AddressKey[], only?: ReadonlySet<number>): void => {
      const on = only === undefined ? "" : ` on ${[...only].join()}`;
      log.push(...keys.map((key) => `${now} ${verb} ${formatAddressKey(key)}${on}`));
    };
  announcer = createAnnouncer(
    addresses,
    { conflicts: "report", refreshMilliseconds: 0, ...policy },
    {
      responders: () => ({
        addressChanged: (key) => say(addresses.get(key)?.announced === true ? "announce" : "withdraw")([key]),
        answerRemembered: (key, milliseconds) =>
          void log.push(
            `${now} answer late ${formatAddressKey(key)}${milliseconds === undefined ? "" : ` ${milliseconds}`}`,
          ),
        sendBursts: say("tell"),
        sendProbes: say("ask"),
      }),
      onConflict: ({ address, mac, probed, action }) =>
        log.push(`${now} ${probed ? "probed " : ""}conflict ${address} ${mac} ${action}`),
      onWithdrawn: () => log.push(`${now} hand over`),
      onRegained: (address) => log.push(`${now} regained ${address}`),
      now: () => now,
      startTimer(milliseconds, run) {
        const timer = { at: now + milliseconds, run };
        timers.push(timer);
        return () => void (timers = timers.filter((each) => each !== timer));
      },
      defer: (work) => deferred.push(work),
    },
  );
}

beforeEach(() => {
  [now, log, timers, deferred, addresses] = [0, [], [], [], new Map()];
});

/** Lets time pass; BOUNDED by what is planned until then. */
function passTo(end: number): void {
  for (;;) {
    for (const work of deferred.splice(0)) work();
    if (deferred.length > 0) continue;
    const next = timers.toSorted((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > end) break;
    timers.splice(timers.indexOf(next), 1);
    now = Math.max(now, next.at);
    next.run();
  }
  now = end;
}

function change(
  ...changes: readonly Readonly<{ address: string; probe?: AskFirst; withdraw?: boolean; on?: string[] }>[]
): void {
  const list = changes.map(({ address, probe = false, withdraw = false, on = [] }): AddressChange => {
    return { key: keyOf(address), interfaces: withdraw ? undefined : on, probe };
  });
  for (const _ of announcer.change(packChanges(list), false));
}

const claim = (address: string, mac = THEIRS): void =>
  announcer.claimHeard(addressOf(addresses, keyOf(address)), "eth0", mac);

it("an address that another speaker lets go of in its own time is answered for as soon as nobody else does", () => {
  start();
  change({ address: VIP, probe: "handover" });
  passTo(40);
  claim(VIP);
  passTo(190);
  expect(log).toEqual([0, 50, 100, 150].map((at) => `${at} ask ${VIP}`));
  passTo(200);
  expect(log.slice(4)).toEqual([`200 announce ${VIP}`, `200 answer late ${VIP} 150`, `200 tell ${VIP}`]);
});

it("an address of a peer is answered for at once, also what was asked just before, and the link is told", () => {
  start();
  change({ address: VIP });
  passTo(1500);
  expect(log).toEqual([`0 announce ${VIP}`, `0 answer late ${VIP}`, `0 tell ${VIP}`, `1100 tell ${VIP}`]);
});

it("a fresh address is probed for twice, and announced where nobody has it", async () => {
  start();
  change({ address: VIP, probe: true }, { address: VIP6, probe: true });
  let done = false;
  void announcer.settled().then(() => (done = true));
  passTo(299);
  await Promise.resolve();
  expect(done).toBe(false);
  expect([...addresses.values()].map(({ announced }) => announced)).toEqual([false, false]);
  passTo(300);
  await Promise.resolve();
  expect(done).toBe(true);
  expect(log.filter((line) => !line.includes("late"))).toEqual([
    `0 ask ${VIP}`,
    `0 ask ${VIP6}`,
    `100 ask ${VIP}`,
    `100 ask ${VIP6}`,
    `300 announce ${VIP}`,
    `300 announce ${VIP6}`,
    `300 tell ${VIP}`,
    `300 tell ${VIP6}`,
  ]);
});

it.each<{ policy: AnnouncerPolicy["conflicts"]; announced: boolean; action: string }>([
  { policy: "report", announced: true, action: "nothing" },
  { policy: "defend", announced: true, action: "nothing" },
  { policy: "yield", announced: false, action: "yielded" },
])(
  "a machine that answers the probe is told of; by $policy the address is announced: $announced",
  ({ policy, announced, action }) => {
    start({ conflicts: policy });
    change({ address: VIP, probe: true });
    passTo(150);
    claim(VIP);
    passTo(2000);
    expect(addresses.get(keyOf(VIP))?.announced).toBe(announced);
    expect(log.filter((line) => line.includes("conflict"))).toEqual([`300 probed conflict ${VIP} ${THEIRS} ${action}`]);
  },
);

it("an address that is taken over meanwhile, or announced already, waits for no probe", () => {
  start();
  change({ address: VIP, probe: true });
  passTo(50);
  change({ address: VIP });
  expect(log.at(-1)).toBe(`50 tell ${VIP}`);
  change({ address: VIP, probe: true, on: ["eth1"] });
  passTo(1000);
  expect(log.filter((line) => line.includes("ask"))).toEqual([`0 ask ${VIP}`]);
  expect(addresses.get(keyOf(VIP))).toMatchObject({ announced: true, interfaces: new Set(["eth1"]) });
});

it.each<{ name: string; end: () => void }>([
  { name: "withdrawn", end: () => change({ address: VIP, withdraw: true }) },
  {
    name: "not in the list of what is to be announced",
    end: () => void [...announcer.withdrawOthers(packChanges([{ key: keyOf(VIP6), interfaces: [] }]).keys)],
  },
])("an address that is $name while it is probed for is not announced", async ({ end }) => {
  start();
  change({ address: VIP, probe: true });
  passTo(150);
  end();
  passTo(5000);
  await announcer.settled();
  expect(log).toEqual([`0 ask ${VIP}`, `100 ask ${VIP}`]);
});

it("while it is held nothing is sent; what was probed for is probed for anew, and the link told twice of the rest", () => {
  start();
  change({ address: VIP });
  passTo(10_000);
  change({ address: VIP6, probe: true });
  passTo(10_150);
  log.length = 0;
  announcer.hold();
  change({ address: "192.0.2.2" });
  passTo(20_000);
  expect(log).toEqual(["10150 announce 192.0.2.2"]); // which answers nothing yet
  announcer.release();
  passTo(22_500);
  expect(log.slice(1)).toEqual([
    `20000 answer late ${VIP}`,
    "20000 answer late 192.0.2.2",
    `20000 ask ${VIP6}`,
    "20000 tell 192.0.2.2",
    `20000 tell ${VIP}`,
    "20050 tell 192.0.2.2", // in step with its first one, which was to be 9,850 ms before
    `20100 ask ${VIP6}`,
    `20300 announce ${VIP6}`,
    `20300 answer late ${VIP6}`,
    `20300 tell ${VIP6}`,
    `21100 tell ${VIP}`,
    `21400 tell ${VIP6}`,
    `22500 tell ${VIP6}`,
  ]);
});

it("what was probed for while an interface heard nothing is probed for anew when it does", () => {
  start();
  change({ address: VIP, probe: true }, { address: VIP6, probe: "handover" });
  passTo(130);
  announcer.interfacesBack([1]);
  passTo(1000);
  expect(log.filter((line) => line.includes("announce"))).toEqual([`280 announce ${VIP6}`, `430 announce ${VIP}`]);
});

it("tells the links of interfaces that are back, and no others, of all that is announced", () => {
  start();
  change({ address: VIP }, { address: VIP6 }, { address: "192.0.2.2" });
  passTo(10_000);
  log.length = 0;
  announcer.interfacesBack([3]);
  passTo(11_500);
  announcer.tellTheLink([7]);
  change({ address: "192.0.2.2", withdraw: true }, { address: "192.0.2.4" });
  passTo(30_000);
  announcer.tellTheLink([8]);
  const told = log.filter((line) => line.includes("tell"));
  expect(told.filter((line) => line.includes(VIP))).toEqual([
    ...[10_000, 11_100].map((at) => `${at} tell ${VIP} on 3`),
    ...[12_200, 13_300, 14_400, 15_500].map((at) => `${at} tell ${VIP} on 3,7`), // five on each at least
    `30000 tell ${VIP} on 8`,
  ]);
  expect(told.filter((line) => line.includes("192.0.2.2"))).toEqual([
    "10000 tell 192.0.2.2 on 3",
    "11100 tell 192.0.2.2 on 3",
  ]);
  expect(told.filter((line) => line.includes("192.0.2.4")).slice(0, 5)).toEqual(
    [11_500, 12_600, 13_700, 14_800, 15_900].map((at) => `${at} tell 192.0.2.4`),
  );
});

/** Another machine says each second that it has the address, from `from` to `to`. */
function claimEachSecond(from: number, to: number): void {
  for (let at = from; at <= to; at += 1000) {
    passTo(at);
    claim(VIP);
  }
}

it("defends an address by one burst in ten seconds, and says so with the news of the conflict", () => {
  start({ conflicts: "defend" });
  change({ address: VIP });
  passTo(50_000);
  log.length = 0;
  claimEachSecond(50_000, 75_000);
  expect(log).toEqual([
    `52000 tell ${VIP}`,
    `52000 conflict ${VIP} ${THEIRS} defended`,
    `62000 tell ${VIP}`,
    `72000 tell ${VIP}`,
  ]);
});

it("gives an address up where it yields, asks for it each minute, and announces it once nobody has it", () => {
  start({ conflicts: "yield" });
  change({ address: VIP });
  passTo(50_000);
  log.length = 0;
  claimEachSecond(50_000, 52_000);
  passTo(112_150);
  claim(VIP);
  passTo(180_000);
  expect(log).toEqual([
    `52000 withdraw ${VIP}`,
    `52000 conflict ${VIP} ${THEIRS} yielded`,
    `112000 ask ${VIP}`,
    `112100 ask ${VIP}`,
    `112300 probed conflict ${VIP} ${THEIRS} yielded`,
    `172300 ask ${VIP}`,
    `172400 ask ${VIP}`,
    `172600 announce ${VIP}`,
    `172600 answer late ${VIP}`,
    `172600 regained ${VIP}`,
    `172600 tell ${VIP}`,
    `173700 tell ${VIP}`,
    `174800 tell ${VIP}`,
    `175900 tell ${VIP}`,
    `177000 tell ${VIP}`,
  ]);
});

it("counts for how long another machine announced an address too, until it is withdrawn here", () => {
  start();
  change({ address: VIP });
  claim(VIP);
  passTo(400);
  change({ address: VIP, withdraw: true });
  expect(addresses.get(keyOf(VIP))?.contestedMilliseconds).toBe(400);
});

it("is lenient with others for a while after the fleet has changed", () => {
  start({ conflicts: "yield" });
  change({ address: VIP });
  passTo(50_000);
  announcer.fleetChanged();
  claimEachSecond(50_000, 59_000);
  expect(addresses.get(keyOf(VIP))?.announced).toBe(true);
  claimEachSecond(60_000, 60_000);
  expect(addresses.get(keyOf(VIP))?.announced).toBe(false);
});

it("tells of each address again where that is wanted, and of none that is withdrawn", () => {
  start({ refreshMilliseconds: 60_000 });
  change({ address: VIP }, { address: VIP6 });
  passTo(50_000);
  change({ address: VIP6, withdraw: true });
  log.length = 0;
  passTo(185_000);
  expect(log).toEqual([`60000 tell ${VIP}`, `120000 tell ${VIP}`, `180000 tell ${VIP}`]);
  announcer.stop();
  expect(timers).toEqual([]);
});

it("hands over once, when all is withdrawn, and not where nothing was announced", () => {
  start();
  change({ address: VIP }, { address: VIP6 });
  log.length = 0;
  change({ address: VIP, withdraw: true }, { address: VIP6, withdraw: true });
  change({ address: VIP, withdraw: true });
  expect(log).toEqual([`0 withdraw ${VIP}`, `0 withdraw ${VIP6}`, "0 hand over"]);
  change({ address: VIP });
  log.length = 0;
  const nothing = packChanges([]);
  for (const _ of announcer.withdrawOthers(nothing.keys));
  for (const _ of announcer.change(nothing, true));
  expect(log).toEqual([`0 withdraw ${VIP}`, "0 hand over"]);
});

it("thousands of changes leave room for frames in between", () => {
  start();
  const list = Array.from({ length: 1000 }, (_, index): AddressChange => ({ key: index, interfaces: [] }));
  expect([...announcer.change(packChanges(list), false)]).toHaveLength(5);
  passTo(900);
  expect(log.filter((line) => line.includes("tell"))).toHaveLength(1000);
});
