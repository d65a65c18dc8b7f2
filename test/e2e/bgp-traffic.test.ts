import { readdir, readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, within, type Lab, type LabProcess, type LanHost } from "../lab/index.js";
import { assignedAddresses, prepareCluster, type Smelter } from "./smelter.js";
import { forwardByBird, forwardByFrr, PATIENCE, type Forwarding } from "./traffic-routers.js";

/*
 * Traffic by BGP: a client behind a router that spreads flows over three nodes by the routes that their speakers announce;
 * kube-proxy on the nodes, the Pod on a fourth one. Who forwarded a connection is seen by the Pod, since kube-proxy gives
 * it the node's address.
 */

const NAMESPACE = "metallb-system";
const HTTP = { name: "http", port: 80, targetPort: 8080 };
const ECHO = { name: "echo", port: 7, targetPort: 7000 };
const FEWEST = 3; // connections through each node
const ROWS = 4; // of new connections
const PAUSE_MILLISECONDS = 5; // between two of a row: a load that leaves time to the routers

let smelter: Smelter;
let forwarding: readonly LanHost[];
const address = "198.51.100.9";
const address6 = "2001:db8:7::9";
let controller: LabProcess;
let router: Forwarding | undefined;
const speakers = new Map<string, LabProcess>(); // BOUNDED by the nodes
const open: Connection[] = [];

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 4, namespace: NAMESPACE, kubeProxy: false });
  const { lab, kubernetes } = smelter;
  const [n4, ...others] = lab.nodes.toReversed() as [LanHost, ...LanHost[]];
  forwarding = others.toReversed();
  for (const file of await readdir("manifests/crds"))
    await kubernetes.admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  await kubernetes.admin.create(
    resource("IPAddressPool", "front", { addresses: [address, address6].map((one) => `${one}-${one}`) }),
  );
  await kubernetes.admin.create(resource("BGPAdvertisement", "front", {}));
  // Nobody is to be taken for gone who was only kept from running for a while, or connections through it break.
  const patient = { transmitInterval: 300, receiveInterval: 300, detectMultiplier: PATIENCE };
  await kubernetes.admin.create(resource("BFDProfile", "patient", patient));
  const pod = await lab.addPod(n4);
  for (const own of [pod.ipv4, pod.ipv6])
    await pod.serveHttp(HTTP.targetPort, ({ socket }, response) => response.end(nodeOf(socket)), own);
  const echo = await pod.sockets.listen({ host: pod.ipv4, port: ECHO.targetPort });
  echo.on("connection", (socket) => {
    socket.on("error", () => undefined); // its client tells
    socket.write(`${nodeOf(socket)}\n`);
    socket.pipe(socket);
  });
  echo.unref();
  const spec = { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] };
  await kubernetes.createService("default/web", [HTTP, ECHO], { spec });
  const endpoints = [pod.ipv4, pod.ipv6].map((own) => ({ node: n4.name, address: own }));
  await kubernetes.setEndpoints("default/web", endpoints);
  controller = await smelter.startController();
  expect((await assignedAddresses(kubernetes, 1)).get("default/web")).toBe(address);
  const proxies = await Promise.all(forwarding.map((node) => kubernetes.startKubeProxy(node)));
  const served = [address, address6].flatMap((one) => [HTTP, ECHO].map(({ port }) => [one, port] as const));
  await Promise.all(proxies.flatMap((proxy) => served.map(([one, port]) => proxy.serves(one, port))));
  for (const family of ["ipv4", "ipv6"])
    // ports count, too
    await lab.router.exec(["sh", "-c", `echo 1 >/proc/sys/net/${family}/fib_multipath_hash_policy`]);
  await Promise.all(forwarding.map(startSpeaker));
});
afterEach(async ({ task }) => {
  for (const { socket } of open.splice(0)) socket.destroy();
  if (task.result?.state === "fail") {
    for (const process of [controller, ...(router?.processes ?? []), ...speakers.values()])
      console.error(`${process.name} said last:\n${process.output().slice(-4000)}`);
  }
  await router?.stop();
  router = undefined;
});
afterAll(() => smelter?.close());

function resource(kind: string, name: string, spec: object) {
  const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
  return { apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

async function startSpeaker(node: LanHost): Promise<void> {
  speakers.set(node.name, await smelter.startSpeaker(node));
}

async function use<Started extends Forwarding>(
  start: (lab: Lab, nodes: readonly LanHost[]) => Promise<Started>,
): Promise<Started> {
  const started = await start(smelter.lab, forwarding);
  router = started;
  return started;
}

/** All speakers have a session with the router by this peer, and it spreads over all of them. */
async function usePeer(spec: object): Promise<void> {
  await putPeer(spec);
  await untilSpreadOver(forwarding);
}

async function putPeer(spec: object): Promise<void> {
  const { kubernetes, lab } = smelter;
  const peer = { myASN: 64512, peerASN: 64513, peerAddress: lab.router.ipv4, holdTime: "90s", ...spec };
  const path = `${NAMESPACE}/tor`;
  if ((await kubernetes.admin.find("metallb.io/v1beta2/BGPPeer", path)) !== undefined)
    await kubernetes.admin.delete("metallb.io/v1beta2/BGPPeer", path);
  // The speakers may have found this router by the former peer.
  const series = `metallb_bgp_session_up{peer="${lab.router.ipv4}:179"}`;
  const sessions = () => Promise.all(forwarding.map((node) => smelter.metric(node, series)));
  await until(async () => (await sessions()).every((one) => one === undefined), { what: "no peer", everyMs: 50 });
  if (router !== undefined) await untilSpreadOver([]);
  await kubernetes.admin.create(resource("BGPPeer", "tor", peer));
}

function untilSpreadOver(nodes: readonly LanHost[], to = address): Promise<unknown> {
  const wanted = nodes.map(({ ipv4, ipv6 }) => (to === address ? ipv4 : ipv6)).join();
  return until(async () => (await router?.hops(to))?.join() === wanted, {
    what: `the router to forward to ${nodes.map(({ name }) => name).join() || "nobody"} alone`,
    deadlineMs: 60_000,
  });
}

/** The node by whose address a connection came to the Pod. */
function nodeOf({ remoteAddress = "" }: Socket): string {
  return (
    forwarding.find(({ ipv4, ipv6 }) => [ipv4, ipv6].some((own) => remoteAddress.endsWith(own)))?.name ?? remoteAddress
  );
}

type Connection = Readonly<{
  socket: Socket;
  via: string;
  /** Whether the Pod still says what is said to it. */
  isAlive: () => Promise<boolean>;
}>;

async function connect(): Promise<Connection> {
  const socket = await smelter.lab.client.sockets.connect({ host: address, port: ECHO.port });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = (): Promise<string | undefined> =>
    within(lines.next(), { what: "the Pod to answer", deadlineMs: 20_000 }).then(
      ({ value }) => value as string | undefined,
      () => undefined,
    );
  let isBroken = false;
  socket.on("error", () => (isBroken = true));
  const via = (await next()) ?? "nowhere";
  let said = 0;
  return {
    socket,
    via,
    async isAlive() {
      const word = `word ${(said += 1)}`;
      socket.write(`${word}\n`);
      return (await next()) === word && !isBroken;
    },
  };
}

/** Connections until some go through each of the three nodes. */
async function connectThroughAll(): Promise<readonly Connection[]> {
  const through = (name: string): number => open.filter(({ via }) => via === name).length;
  for (let tries = 0; tries < 300 && forwarding.some(({ name }) => through(name) < FEWEST); tries += 1)
    open.push(await connect());
  const counts = Object.fromEntries(forwarding.map(({ name }) => [name, through(name)]));
  for (const { name } of forwarding) expect(through(name), JSON.stringify(counts)).toBeGreaterThanOrEqual(FEWEST);
  return open;
}

/** Those that are dead, of the connections that are asked. */
async function deadOf(connections: readonly Connection[]): Promise<readonly string[]> {
  const alive = await Promise.all(connections.map(({ isAlive }) => isAlive()));
  return connections.filter((_, index) => alive[index] !== true).map(({ via }) => via);
}

/** One new connection: the node that it went through, or why it came to nothing. */
type Fetched = Readonly<{ begunAt: number; via: string } | { begunAt: number; failure: string }>;

function fetchOnce(to = address): Promise<Fetched> {
  const begunAt = performance.now();
  const host = to.includes(":") ? `[${to}]` : to;
  return smelter.lab.client.fetch(`http://${host}/`, { timeoutMs: 10_000 }).then(
    ({ body }) => ({ begunAt, via: body }),
    (error: unknown) => ({ begunAt, failure: String(error) }),
  );
}

/** New connections, one after the other in each row, until stop() is called. */
function startFetching(): Readonly<{ stop: () => Promise<readonly Fetched[]> }> {
  const results: Fetched[] = []; // BOUNDED by the time until stop()
  const over = new AbortController();
  const rows = Array.from({ length: ROWS }, async () => {
    while (!over.signal.aborted) {
      results.push(await fetchOnce());
      await delay(PAUSE_MILLISECONDS);
    }
  });
  return {
    async stop() {
      over.abort();
      await Promise.all(rows);
      return results;
    },
  };
}

async function fetchMany(count: number, to = address): Promise<readonly Fetched[]> {
  const results: Fetched[] = [];
  for (let done = 0; done < count; done += 1) results.push(await fetchOnce(to));
  return results;
}

const names = (nodes: readonly LanHost[]): readonly string[] => nodes.map(({ name }) => name);
const failuresIn = (results: readonly Fetched[]) => results.filter((result) => "failure" in result);
/** The nodes that connections went through, and what went wrong, each once. */
const nodesIn = (results: readonly Fetched[]): readonly string[] =>
  [...new Set(results.map((result) => ("via" in result ? result.via : result.failure)))].toSorted();

it("a speaker that is told to stop costs no new connection, nor one through another node", async () => {
  await use(forwardByBird);
  await usePeer({});
  const [n1, ...others] = forwarding as [LanHost, ...LanHost[]];
  const connections = await connectThroughAll();
  const fetching = startFetching();
  const stopped = await speakers.get(n1.name)?.terminate();
  await untilSpreadOver(others);
  const movedAt = performance.now();
  expect(nodesIn(await fetchMany(60))).toEqual(names(others));
  const results = await fetching.stop();
  expect(stopped).toMatchObject({ code: 0 });
  expect(nodesIn(results.filter((result) => "via" in result))).toEqual(names(forwarding));
  // What a row had under way through n1 when the router moved its flows: no other node's NAT knows it.
  expect(failuresIn(results).length).toBeLessThanOrEqual(ROWS);
  expect(failuresIn(results).filter(({ begunAt }) => begunAt >= movedAt)).toEqual([]);
  expect(await deadOf(connections.filter(({ via }) => via !== n1.name))).toEqual([]);
  await startSpeaker(n1);
  await untilSpreadOver(forwarding);
});

it("a node that is gone loses its routes by BFD, and nothing else is lost", async () => {
  const { bird } = await use(forwardByBird);
  await usePeer({ bfdProfile: "patient" });
  const [n1, n2, n3] = forwarding as [LanHost, LanHost, LanHost];
  const connections = await connectThroughAll();
  const isUp = async (): Promise<boolean> => (await bird.ask(`show bfd sessions`)).split(" Up ").length === 4;
  await until(isUp, { what: "BFD with all three", deadlineMs: 30_000, everyMs: 100 });
  await n2.cable.cut();
  await untilSpreadOver([n1, n3]); // the hold time is 90 s
  expect(await bird.ask(`show protocols all ${n2.name}`)).toMatch(/BFD session down/);
  expect(nodesIn(await fetchMany(60))).toEqual([n1.name, n3.name]);
  expect(await deadOf(connections.filter(({ via }) => via !== n2.name))).toEqual([]);
  await n2.cable.mend();
  await untilSpreadOver(forwarding);
});

const KEPT = "Neighbor graceful restart active";

it("a speaker that restarts gracefully costs no connection at all", async () => {
  const { bird } = await use(forwardByBird);
  await usePeer({ enableGracefulRestart: true });
  const [n1] = forwarding as [LanHost];
  const connections = await connectThroughAll();
  const fetching = startFetching();
  await speakers.get(n1.name)?.terminate();
  const isKept = async (): Promise<boolean> => (await bird.ask(`show protocols all ${n1.name}`)).includes(KEPT);
  await until(isKept, { what: "BIRD to keep the route without a session" });
  await startSpeaker(n1);
  await speakers.get(n1.name)?.waitForOutput(/"event":"sessionUp"/, { deadlineMs: 60_000 });
  await until(async () => !(await isKept()), { what: "BIRD to have heard all routes again", deadlineMs: 60_000 });
  const results = await fetching.stop();
  expect(nodesIn(results)).toEqual(names(forwarding));
  expect(await deadOf(connections)).toEqual([]);
});

it("an FRR that spreads as its kernel does it sends no new connection to a node that stopped or is gone", async () => {
  const { frr } = await use(forwardByFrr);
  await usePeer({ bfdProfile: "patient", dualStackAddressFamily: true });
  const [n1, n2, n3] = forwarding as [LanHost, LanHost, LanHost];
  const expectTraffic = async (nodes: readonly LanHost[]): Promise<void> => {
    for (const to of [address, address6]) {
      await untilSpreadOver(nodes, to);
      expect(nodesIn(await fetchMany(60, to)), to).toEqual(names(nodes));
    }
  };
  await expectTraffic(forwarding);
  await speakers.get(n1.name)?.terminate();
  await expectTraffic([n2, n3]);
  await startSpeaker(n1);
  await expectTraffic(forwarding);
  const isUp = async (): Promise<boolean> => {
    const peers = await frr.bfdPeers();
    return peers.length === 3 && peers.every(({ status }) => status === "up");
  };
  await until(isUp, { what: "BFD with all three", deadlineMs: 30_000, everyMs: 100 });
  await n2.cable.cut();
  await expectTraffic([n1, n3]);
  expect((await frr.neighbor(n2.ipv4)).lastNotification).toMatch(/BFD/i);
  await n2.cable.mend();
});

it("speakers follow the Secret with a peer's password", async () => {
  const { admin } = smelter.kubernetes;
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "tor", namespace: NAMESPACE } };
  await admin.create({ ...secret, type: "kubernetes.io/basic-auth", stringData: { password: "the-former-one" } });
  await use((lab, nodes) => forwardByBird(lab, nodes, "the-present-one"));
  await putPeer({ passwordSecret: { name: "tor" } });
  const series = `metallb_bgp_session_up{peer="${smelter.lab.router.ipv4}:179"}`;
  const isTried = async (node: LanHost): Promise<boolean> => (await smelter.metric(node, series)) === 0;
  await until(async () => (await Promise.all(forwarding.map(isTried))).every(Boolean), {
    what: "sessions to be tried",
  });
  await admin.patch("v1/Secret", `${NAMESPACE}/tor`, { stringData: { password: "the-present-one" } });
  await untilSpreadOver(forwarding);
});

it("a speaker says of its peers why there is no session", async () => {
  await putPeer({}); // and nobody listens there
  const [n1] = forwarding as [LanHost];
  const script = "fetch('http://127.0.0.1:17472/explain?peer=tor').then((answer) => answer.text()).then(console.log)";
  const ask = async () => JSON.parse(await n1.exec([process.execPath, "-e", script])) as { peers: readonly object[] };
  await until(async () => JSON.stringify(await ask()).includes("lastError"), { what: "a reason", deadlineMs: 30_000 });
  expect((await ask()).peers).toMatchObject([
    {
      target: `${smelter.lab.router.ipv4}:179`,
      ourAsn: 64512,
      peerAsn: 64513,
      announcedPrefixes: 0,
      lastError: expect.stringMatching(/ECONNREFUSED.*start the peer's BGP/),
    },
  ]);
});

it("the owner of a Service hears once, of one speaker, what cannot be had of BGP", async () => {
  const { kubernetes, metric } = smelter;
  await putPeer({});
  const annotations = { "metallb.io/bgp-communities": "64512:7" };
  await kubernetes.admin.patch("v1/Service", "default/web", { metadata: { annotations } });
  const known = () => Promise.all(forwarding.map((node) => metric(node, "smelter_bgp_refused_requests")));
  await until(async () => (await known()).join() === "1,1,1", { what: "all three to know", everyMs: 100 });
  const events = async () =>
    (await kubernetes.admin.list("v1/Event", { namespace: "default" })).filter(
      ({ reason }) => reason === "bgpRequestRefused",
    );
  await until(async () => (await events()).length > 0, { what: "the Event", everyMs: 100 });
  expect(await events()).toMatchObject([
    {
      type: "Warning",
      source: { host: forwarding[0]?.name },
      message: expect.stringMatching(/bgp-communities has "64512:7", which no BGPAdvertisement of pool front allows/),
    },
  ]);
});
