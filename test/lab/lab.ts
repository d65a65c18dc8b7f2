/**
 * A data centre in network namespaces: a LAN, nodes, a router, a client and a control-plane host. See README.md.
 * Needs root on Linux, iproute2 and (for what filters or forwards) nftables; touches nothing outside its namespaces.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NUMBER, planAddresses, podNetwork } from "./address-plan.js";
import { startCapture, type Capture } from "./capture.js";
import { createCable, type Cable } from "./cable.js";
import { guard, removeLab, removeLeftovers, removeNamespaces } from "./cleanup.js";
import { createHost, type Host } from "./host.js";
import { addNamespaces, addPodNetwork, ipBatch, makeSwitch, plugIn, type CableEnd } from "./network.js";
import { nextLabName } from "./owner.js";
import type { LabProcess } from "./process.js";

export type LabOptions = Readonly<{
  /** 1 to 180; 3 if left out. They are called n1, n2, … */
  nodes?: number;
  /** 10.77.0.0/16 if left out; e.g. 192.168.1.0/24 makes 192.168.1.240 an address on the link. */
  lanIPv4?: string;
  /** fd77::/64 if left out. */
  lanIPv6?: string;
}>;

/** A host on the LAN. `number` is the last part of its addresses. */
export type LanHost = Host & Readonly<{ number: number; cable: Cable }>;

/** An address behind a node, as a Pod has one. */
export type Pod = Host & Readonly<{ node: LanHost }>;

export type Lab = Readonly<{
  name: string;
  /** For files of this lab; removed with it. */
  folder: string;
  nodes: readonly LanHost[];
  router: LanHost;
  client: LanHost;
  controlPlane: LanHost;
  /** The bridge's own namespace, for looking at it or for rules of one's own; its ports have the hosts' names. */
  switchNamespace: string;
  /** Every frame that passes the bridge, once: what was sent, before any rule of a receiver's cable. */
  capture: () => Promise<Capture>;
  /** The node called so. Throws when there is none. */
  node: (name: string) => LanHost;
  /** One more host on the LAN; `forwards` makes a router of it. */
  addHost: (name: string, options?: Readonly<{ number?: number; forwards?: boolean }>) => Promise<LanHost>;
  /** One more address behind the node, reachable from every node; the first of a node makes its pod network. */
  addPod: (node: LanHost) => Promise<Pod>;
  /** The node is gone at once: its cable, every process on it, its namespace. Not for one that has pods. */
  powerOff: (node: LanHost) => Promise<void>;
  /** It is there again as when it was made; nothing runs on it. */
  powerOn: (node: LanHost) => Promise<void>;
  /** Ends all that runs in the lab and removes it. Can be called again. */
  close: () => Promise<void>;
}>;

export async function createLab(options: LabOptions = {}): Promise<Lab> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error(`Cannot make a lab: uid is ${process.getuid?.()} on ${process.platform}: run as root on Linux`);
  }
  const plan = planAddresses(options.lanIPv4 ?? "10.77.0.0/16", options.lanIPv6 ?? "fd77::/64");
  removeLeftovers();
  const name = nextLabName();
  guard(name);
  try {
    return await build(name, plan, options.nodes ?? 3);
  } catch (error) {
    removeLab(name);
    throw error;
  }
}

async function build(name: string, plan: ReturnType<typeof planAddresses>, nodeCount: number): Promise<Lab> {
  const folder = join(tmpdir(), name);
  mkdirSync(folder);
  const switchNamespace = `${name}-switch`;
  const processes = new Set<LabProcess>(); // BOUNDED by what runs: an ended one is taken out
  const ends = new Map<string, CableEnd>(); // BOUNDED by the hosts
  const podsOf = new Map<string, { network: Promise<void>; last: number }>(); // BOUNDED by the nodes

  const track = (process: LabProcess): void => {
    processes.add(process);
    void process.ended.then(() => processes.delete(process));
  };

  const describe = (host: string, number: number, forwards: boolean): CableEnd => {
    if (!/^[a-z][a-z0-9-]{0,9}$/.test(host) || ["lo", "lan", "switch"].includes(host) || host.endsWith("-tap")) {
      throw new Error(`Cannot add host ${host} to the lab: its name is not of 1 to 10 letters, digits and hyphens`);
    }
    const end = { name: host, namespace: `${name}-${host}`, number, forwards };
    if ([...ends.values()].some((other) => other.name === host || other.number === number)) {
      throw new Error(`Cannot add host ${host} to the lab: its name or its number ${number} is taken`);
    }
    ends.set(host, end);
    return end;
  };

  const hostAt = (end: CableEnd): LanHost => {
    const { number, namespace } = end;
    const [ipv4, ipv6, mac] = [plan.ipv4(number), plan.ipv6(number), plan.mac(number)];
    const host = createHost({ name: end.name, namespace, ipv4, ipv6, mac, folder }, track);
    return { ...host, number, cable: createCable(switchNamespace, end.name) };
  };

  const first = [
    describe("router", NUMBER.router, true),
    describe("cp", NUMBER.controlPlane, false),
    describe("client", NUMBER.client, false),
    ...Array.from({ length: nodeCount }, (_, index) => describe(`n${index + 1}`, NUMBER.firstNode + index, true)),
  ];
  await addNamespaces([switchNamespace, ...first.map(({ namespace }) => namespace)]);
  await makeSwitch(switchNamespace);
  await plugIn(switchNamespace, first, plan, NUMBER.router);
  const [router, controlPlane, client, ...nodes] = first.map(hostAt) as [LanHost, LanHost, LanHost, ...LanHost[]];

  async function addHost(
    host: string,
    { number, forwards = false }: Readonly<{ number?: number; forwards?: boolean }> = {},
  ): Promise<LanHost> {
    const taken = new Set([...ends.values()].map((end) => end.number));
    const free = [4, 5, 6, 7, 8, 9, 10].find((candidate) => !taken.has(candidate));
    const end = describe(host, number ?? free ?? 0, forwards);
    await addNamespaces([end.namespace]);
    await plugIn(switchNamespace, [end], plan, NUMBER.router);
    return hostAt(end);
  }

  async function addPod(node: LanHost): Promise<Pod> {
    const end = ends.get(node.name);
    if (end === undefined) throw new Error(`Cannot add a pod to ${node.name}: it is not a host of this lab`);
    const namespace = `${end.namespace}.pods`;
    const network = podNetwork(end.number);
    const others = [...ends.values()].filter((other) => other.forwards && other !== end);
    const pods = podsOf.get(node.name) ?? { network: addPodNetwork(end, namespace, others, plan), last: 1 }; // 1: the node
    podsOf.set(node.name, pods);
    pods.last += 1;
    const [number, ipv4, ipv6] = [pods.last - 1, network.address4(pods.last), network.address6(pods.last)];
    await pods.network;
    await ipBatch(namespace, [`address add ${ipv4}/24 dev eth0`, `address add ${ipv6}/64 dev eth0 nodad`]);
    return {
      ...createHost({ name: `pod${number}.${node.name}`, namespace, ipv4, ipv6, mac: "", folder }, track),
      node,
    };
  }

  async function powerOff({ name: node }: LanHost): Promise<void> {
    const end = ends.get(node);
    if (end === undefined || podsOf.has(node)) throw new Error(`Cannot switch ${node} off: it is no node without pods`);
    await ipBatch(switchNamespace, [`link delete ${node}`]); // both ends of the cable
    removeNamespaces([end.namespace]);
  }

  async function powerOn({ name: node }: LanHost): Promise<void> {
    const end = ends.get(node);
    if (end === undefined) throw new Error(`Cannot switch ${node} on: it is not a host of this lab`);
    await addNamespaces([end.namespace]);
    await plugIn(switchNamespace, [end], plan, NUMBER.router);
  }

  async function close(): Promise<void> {
    await Promise.all([...processes].map((process) => process.kill()));
    removeLab(name);
  }

  return {
    name,
    folder,
    nodes,
    router,
    client,
    controlPlane,
    switchNamespace,
    capture: () => startCapture({ name: "switch", namespace: switchNamespace }, folder, "lan"),
    node: (wanted) => {
      const found = nodes.find((node) => node.name === wanted);
      if (found === undefined) throw new Error(`Cannot use node ${wanted}: the lab has n1 to n${nodes.length}`);
      return found;
    },
    addHost,
    addPod,
    powerOff,
    powerOn,
    close,
  };
}
