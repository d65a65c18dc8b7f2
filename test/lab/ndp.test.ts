import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { run } from "./command.js";
import { createLab, until, type Frame, type Lab, type LanHost } from "./index.js";
import { startLayer2On, type Counters, type Layer2Process, type Layer2ProcessOptions } from "./layer2-process.js";
import { encodeSolicitation, type Solicitation } from "./neighbor-solicitation.js";

// NDP as the machines of a LAN see it, against the kernel's own. Where a test says that nothing answers, it asks for an
// address that is answered afterwards: frames of one machine are worked on in their order.

const VIP = "fd77::2:40";
const LAST = "fd77::2:99"; // announced in every test, and asked for last

let lab: Lab;
let n1: LanHost;
let client: LanHost;
const running: Layer2Process[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  [n1, client] = [lab.node("n1"), lab.client];
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all(running.splice(0).map((layer2) => layer2.end()));
  await client.exec(["ip", "-6", "neigh", "flush", "dev", "eth0"]);
});

async function start(options?: Layer2ProcessOptions, host = n1): Promise<Layer2Process> {
  const layer2 = await startLayer2On(host, lab.folder, options);
  running.push(layer2);
  return layer2;
}

/** A solicitation of the client for `target`, with these fields in other ways. */
const solicitation = (target: string, changes: Partial<Solicitation> = {}): Uint8Array =>
  encodeSolicitation({ ethernetSource: client.mac, source: client.ipv6, target, option: client.mac, ...changes });

const isAnswer = ({ icmp, direction }: Frame): boolean =>
  direction === "in" && icmp?.type === 136 && icmp.neighbor?.solicited === true;
const isAbout = (address: string) => (frame: Frame) =>
  frame.direction === "in" && frame.icmp?.type === 136 && frame.icmp.neighbor?.targetAddress === address;
const isTold = (address: string) => (frame: Frame) =>
  isAbout(address)(frame) && frame.destination === "33:33:00:00:00:01";

/** Sends frames from the client, then asks for LAST: every solicited answer that came back before its answer. */
async function answersTo(frames: readonly Uint8Array[]): Promise<Frame[]> {
  const capture = await client.capture();
  const isLast = (frame: Frame): boolean => isAnswer(frame) && isAbout(LAST)(frame);
  await client.send([...frames, solicitation(LAST)]);
  await capture.waitFor(isLast, { what: `the answer for ${LAST}` });
  const seen = await capture.stop();
  return seen.slice(0, seen.findIndex(isLast)).filter(isAnswer);
}

const on = (counters: Counters, name: string) =>
  counters.interfaces.find((each) => each.interface === name && each.protocol === "NDP");

/** The solicited-node groups that the kernel of a host says it is in, by MLD, on an interface. */
async function groupsOf(host: LanHost, name: string): Promise<string[]> {
  const text = await host.exec(["ip", "-6", "maddress", "show", "dev", name]);
  return [...text.matchAll(/inet6 (ff02::1:ff\S+)/g)].map(([, group]) => group ?? "");
}

const neighbor = (address: string, device = "eth0"): Promise<string> =>
  client.exec(["ip", "-6", "neigh", "show", address, "dev", device]);
const knock = (address: string): Promise<unknown> =>
  client.attempt(["bash", "-c", `echo hello > /dev/udp/${address}/9`]);

it.each<{ name: string; changes: () => Partial<Solicitation>; to?: string }>([
  { name: "a solicitation to the group", changes: () => ({}) },
  { name: "one without a link-layer address", changes: () => ({ option: undefined }) },
  { name: "a probe of reachability", changes: () => ({ ethernetDestination: n1.mac, destination: VIP }) },
  {
    name: "a probe of reachability without a link-layer address",
    changes: () => ({ ethernetDestination: n1.mac, destination: VIP, option: undefined }),
  },
  { name: "a link-local address", changes: () => ({ source: "fe80::3" }), to: "fe80::3" },
])("answers $name, and once, as the kernel does for its own address", async ({ changes, to }) => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  const own = { ...changes(), ...(changes().destination === undefined ? {} : { destination: n1.ipv6 }) };
  const answers = await answersTo([solicitation(VIP, changes()), solicitation(n1.ipv6, own)]);
  const [ours, kernels] = [VIP, n1.ipv6].map((address) => answers.filter(isAbout(address)));
  expect(ours).toMatchObject([
    {
      source: n1.mac,
      destination: client.mac,
      ip: { source: VIP, destination: to ?? client.ipv6, ttl: 255 },
      icmp: { code: 0, neighbor: { solicited: true, override: true, router: true, linkLayerAddress: n1.mac } },
    },
  ]);
  if (to === undefined) expect(kernels?.[0]?.icmp?.neighbor).toMatchObject({ router: true, solicited: true });
  expect((await layer2.counters()).addresses[VIP]).toMatchObject({ requestsReceived: 1, responsesSent: 1 });
});

it("does not answer through a router, and drops what is wrong, with a reason that is counted", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, LAST]);
  const answers = await answersTo([
    solicitation(VIP, { hopLimit: 254 }),
    solicitation(VIP, { hopLimit: 64, ethernetDestination: n1.mac, destination: VIP }),
    solicitation(VIP, { octets: { 54: [133] } }),
    solicitation(VIP, { octets: { 20: [0] } }),
    solicitation(VIP, { checksumError: 1 }),
    solicitation(VIP, { octets: { 55: [1] } }),
    solicitation(VIP, { octets: { 79: [0] } }),
    solicitation(VIP, { option: "ff:ff:ff:ff:ff:ff" }),
    solicitation(VIP, { source: "ff02::1" }),
    solicitation(VIP, { source: "::" }),
    solicitation(VIP).subarray(0, 80),
    solicitation(VIP).subarray(0, 54),
    solicitation("fd77::2:41", { ethernetDestination: n1.mac }),
    solicitation(VIP, { ethernetDestination: "02:00:00:00:00:ee" }), // the bridge does not know it: to every port
  ]);
  expect(answers).toEqual([]);
  const { drops } = on(await layer2.counters(), "eth0") ?? {};
  expect(drops).toMatchObject({
    hopLimit: 0, // the kernel's filter keeps them out
    type: 0,
    nextHeader: 0,
    checksum: 1,
    code: 1,
    option: 1,
    linkLayerAddress: 1,
    sourceAddress: 1,
    unspecifiedSource: 1,
    truncated: 2,
    notAnnounced: 1,
    ethernetDestination: 0,
  });
});

describe("the kernel of another machine", () => {
  it("finds an announced address, and finds by a probe that it is still reachable", async () => {
    const layer2 = await start();
    await layer2.announce([VIP]);
    const settings = "/proc/sys/net/ipv6/neigh/eth0";
    const fast = `echo 500 >${settings}/base_reachable_time_ms; echo 0 >${settings}/delay_first_probe_time`;
    await client.exec(["sh", "-c", fast]);
    const stateIs = (state: string) =>
      until(async () => (await neighbor(VIP)).includes(state), { what: `${VIP} to be ${state}`, deadlineMs: 20_000 });
    await knock(VIP);
    await stateIs("REACHABLE");
    expect(await neighbor(VIP)).toContain(n1.mac);
    await stateIs("STALE");
    const capture = await client.capture();
    await knock(VIP);
    await stateIs("REACHABLE");
    const seen = await capture.stop();
    const isProbe = ({ direction, icmp, destination }: Frame): boolean =>
      direction === "out" && icmp?.type === 135 && destination === n1.mac;
    const probe = seen.findIndex(isProbe);
    expect(probe).toBeGreaterThanOrEqual(0);
    expect(seen.slice(probe).filter(isAbout(VIP)).filter(isAnswer)).not.toEqual([]);
    await client.exec(["sh", "-c", `echo 30000 >${settings}/base_reachable_time_ms`]);
  });

  it("is told by duplicate address detection that an announced address is taken, and may have another", async () => {
    const layer2 = await start();
    await layer2.announce([VIP]);
    const told = async (): Promise<boolean> => (await layer2.counters()).addresses[VIP]?.gratuitousSent === 3;
    await until(told, { what: "the last unsolicited advertisement", deadlineMs: 20_000 }); // it would do as an answer
    const settings = "/proc/sys/net/ipv6/conf/eth0";
    await client.exec(["sh", "-c", `echo 1 >${settings}/accept_dad; echo 1 >${settings}/dad_transmits`]);
    const capture = await client.capture();
    try {
      await client.exec(["ip", "address", "add", `${VIP}/64`, "dev", "eth0"]);
      await client.exec(["ip", "address", "add", "fd77::2:41/64", "dev", "eth0"]);
      const state = (address: string) => client.exec(["ip", "-6", "address", "show", "to", address]);
      await until(async () => (await state(VIP)).includes("dadfailed"), { what: "the detection to fail" });
      await until(async () => !(await state("fd77::2:41")).includes("tentative"), { what: "the other to be free" });
      expect(await state("fd77::2:41")).not.toContain("dadfailed");
    } finally {
      await client.exec(["ip", "address", "delete", `${VIP}/64`, "dev", "eth0"]);
      await client.exec(["ip", "address", "delete", "fd77::2:41/64", "dev", "eth0"]);
      await client.exec(["sh", "-c", `echo 0 >${settings}/accept_dad; echo 0 >${settings}/dad_transmits`]);
    }
    expect((await capture.stop()).filter(isTold(VIP))).toMatchObject([
      { ip: { source: VIP, destination: "ff02::1" }, icmp: { neighbor: { solicited: false, override: true } } },
    ]);
  });
});

it("ndisc6 and arping find both families", async () => {
  const layer2 = await start();
  await layer2.announce([VIP, "10.77.200.1"]);
  const found = await client.exec(["ndisc6", "-1", "-m", VIP, "eth0"]);
  expect(found.toLowerCase()).toContain(n1.mac);
  const replies = await client.exec(["arping", "-c", "1", "-w", "10", "-I", "eth0", "10.77.200.1"]);
  expect(replies.toLowerCase()).toContain(`reply from 10.77.200.1 [${n1.mac}]`);
  const taken = await client.attempt(["arping", "-D", "-c", "1", "-w", "10", "-I", "eth0", "10.77.200.1"]);
  expect(taken.code).toBe(1); // duplicate address detection: somebody has it
});

it("answers from the moment that announce() is fulfilled until withdraw() is", async () => {
  const layer2 = await start();
  await layer2.announce([LAST]);
  const ask = [solicitation(VIP, { ethernetDestination: n1.mac })]; // heard also without the group
  expect(await answersTo(ask)).toHaveLength(0);
  await layer2.announce([VIP]);
  expect(await answersTo([solicitation(VIP)])).toHaveLength(1);
  await layer2.withdraw([VIP]);
  expect(await answersTo(ask)).toHaveLength(0);
  await layer2.setAll([VIP, LAST]);
  expect(await answersTo([solicitation(VIP)])).toHaveLength(1);
});

it("tells the LAN three times; no more once withdrawn", async () => {
  const layer2 = await start();
  const capture = await client.capture();
  await layer2.announce([VIP, LAST]);
  await layer2.withdraw([LAST]);
  const done = async (): Promise<boolean> => (await layer2.counters()).addresses[VIP]?.gratuitousSent === 3;
  await until(done, { what: "the third advertisement", deadlineMs: 20_000 });
  await layer2.announce(["10.77.200.1"]); // whose fourth request comes after what would be a fourth advertisement
  let arp = 0;
  const isFourth = (frame: Frame): boolean =>
    frame.arp?.senderProtocolAddress === "10.77.200.1" && frame.arp.operation === 1 && (arp += 1) === 4;
  await capture.waitFor(isFourth, { what: "the fourth gratuitous ARP request", deadlineMs: 20_000 });
  const frames = await capture.stop();
  expect(frames.filter(isTold(VIP))).toMatchObject(
    Array.from({ length: 3 }, () => ({
      source: n1.mac,
      ip: { source: VIP, destination: "ff02::1", ttl: 255 },
      icmp: { neighbor: { router: true, solicited: false, override: true, linkLayerAddress: n1.mac } },
    })),
  );
  expect(frames.filter(isTold(LAST)).length).toBeLessThanOrEqual(1);
});

/** One more cable from n1 to the client: n1's end has the name, the client's end the address fd99::2/64. */
async function addCable(name: string): Promise<void> {
  await n1.exec(["ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", client.namespace]);
  await client.exec(["ip", "address", "add", "fd99::2/64", "dev", name, "nodad"]);
  await client.exec(["ip", "link", "set", name, "up"]);
  await n1.exec(["ip", "link", "set", name, "up"]);
}

async function resolveOver(name: string, address: string): Promise<string> {
  await client.exec(["ip", "-6", "neigh", "flush", "dev", name]);
  return until(
    async () => {
      await knock(address);
      return /lladdr (\S+)/.exec(await neighbor(address, name))?.[1];
    },
    { what: `${address} to be found over ${name}`, deadlineMs: 20_000 },
  );
}

it("takes up an interface that comes later, with its groups, goes down and up, and gets another address", async () => {
  const layer2 = await start();
  await layer2.announce(["fd99::1:9", LAST]);
  await addCable("late");
  try {
    const mac = (await n1.exec(["cat", "/sys/class/net/late/address"])).trim();
    expect(await resolveOver("late", "fd99::1:9")).toBe(mac);
    expect(await groupsOf(n1, "late")).toContain("ff02::1:ff01:9");
    await n1.exec(["ip", "link", "set", "late", "down"]);
    await layer2.untilInterfaces("late to be down", (all) =>
      all.some((each) => each.name === "late" && each.noNdp === "down"),
    );
    await n1.exec(["ip", "link", "set", "late", "address", "02:00:00:00:77:77", "up"]);
    expect(await resolveOver("late", "fd99::1:9")).toBe("02:00:00:00:77:77");
    expect(await groupsOf(n1, "late")).toContain("ff02::1:ff01:9");
    await layer2.withdraw(["fd99::1:9"]);
    expect(await groupsOf(n1, "late")).not.toContain("ff02::1:ff01:9");
    expect(layer2.errors().filter(({ code }) => code !== "ENETDOWN")).toEqual([]);
  } finally {
    await n1.exec(["ip", "link", "delete", "late"]);
  }
});

it("answers 5,000 addresses that were announced at once, and is in the group of each", async () => {
  const layer2 = await start({ privileges: { uid: 65534, capabilities: ["net_raw"] } });
  const addresses = Array.from({ length: 5000 }, (_, index) => `fd77::7:${(index + 1).toString(16)}`);
  await layer2.announce([...addresses, LAST]);
  const answered = new Set<string>();
  for (let first = 0; first < addresses.length; first += 500) {
    const asked = addresses.slice(first, first + 500).map((address) => solicitation(address));
    for (const { icmp } of await answersTo(asked)) answered.add(icmp?.neighbor?.targetAddress ?? "");
  }
  expect(addresses.filter((address) => !answered.has(address))).toEqual([]);
  expect((await groupsOf(n1, "eth0")).filter((group) => group.startsWith("ff02::1:ff07:"))).toHaveLength(5000);
  expect(layer2.errors()).toEqual([]);
  await layer2.stop();
  expect((await groupsOf(n1, "eth0")).filter((group) => group.startsWith("ff02::1:ff07:"))).toEqual([]);
});

describe("a switch that snoops", () => {
  const onSwitch = (script: string): Promise<string> =>
    run(["ip", "netns", "exec", lab.switchNamespace, "sh", "-c", script]);

  /** Ports that asked for a group, as the switch knows them. */
  const portsOf = async (group: string): Promise<string[]> => {
    const text = await onSwitch("bridge mdb show dev lan");
    return [...text.matchAll(/port (\S+) grp (\S+)/g)].flatMap(([, port = "", of]) => (of === group ? [port] : []));
  };

  /** Whether the switch sends a solicitation for this address to the node. */
  async function isForwarded(target: string, node: LanHost): Promise<boolean> {
    const capture = await node.capture();
    const marker = solicitation(node.ipv6, { ethernetDestination: node.mac, destination: node.ipv6 });
    await client.send([solicitation(target), marker]);
    const isFor =
      (address: string) =>
      ({ direction, icmp }: Frame): boolean =>
        direction === "in" && icmp?.type === 135 && icmp.neighbor?.targetAddress === address;
    await capture.waitFor(isFor(node.ipv6), { what: "a solicitation to the node alone" });
    return (await capture.stop()).some(isFor(target));
  }

  it("forwards solicitations to the node that announces, and to no other", async () => {
    await onSwitch(`cd /proc/sys/net/ipv6/conf/lan && echo 0 >accept_dad && echo 0 >dad_transmits && echo 0 >disable_ipv6
      ip link set lan type bridge mcast_snooping 1 mcast_query_response_interval 100 mcast_querier 1`);
    try {
      const [layer2, n2] = [await start(), lab.node("n2")];
      const nobodys = "fd77::2:41";
      await until(async () => !(await isForwarded(nobodys, n1)), { what: "the switch to snoop", deadlineMs: 60_000 });
      await layer2.announce([VIP, LAST]);
      await until(async () => (await portsOf("ff02::1:ff02:40")).includes("n1"), { what: "the switch to hear of it" });
      expect(await portsOf("ff02::1:ff02:40")).toEqual(["n1"]);
      expect(await answersTo([solicitation(VIP)])).toHaveLength(1);
      expect([await isForwarded(VIP, n1), await isForwarded(VIP, n2)]).toEqual([true, false]);
      await layer2.withdraw([VIP]);
      await until(async () => !(await isForwarded(VIP, n1)), { what: "the switch to forget", deadlineMs: 60_000 });
    } finally {
      await onSwitch(`ip link set lan type bridge mcast_querier 0 mcast_snooping 0
        echo 1 >/proc/sys/net/ipv6/conf/lan/disable_ipv6`);
    }
  });
});
