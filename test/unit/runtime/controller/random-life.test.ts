import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { StatusWrite } from "../../../../src/runtime/controller/ports.js";
import { objectKey, type ObjectKey, type ServiceView } from "../../../../src/runtime/world/views.js";
import { runs } from "../../runs.js";
import { DUAL_STACK, IPV6, PREFER_DUAL_STACK, serviceOf } from "../allocator/fixtures.js";
import { createRandomCluster, type Fate, type RandomCluster } from "./random-cluster.js";
import { complaint, DOCUMENTS, ipsOf, isOurs, isServed, poolsOf, rivals } from "./random-rules.js";

/*
 * The controller with the real allocator and configuration lives through random operations, among them everything that
 * a server, a network and another controller do to it, and is compared with rules that know nothing of it.
 */

/** What is remembered of the past to judge the present by. */
type Model = {
  /** Services that were edited, and whether pools changed or others wrote, since everything had settled. */
  edited: Set<ObjectKey>;
  poolsChanged: boolean;
  writtenByOthers: boolean;
  /** `a|b|address`: who had one address with whom at a start, and may go on having it. */
  inherited: Set<string>;
  /** As all was when it had settled last. */
  before: ReadonlyMap<ObjectKey, ServiceView>;
  logged: number;
  born: number;
  nodeAddresses: readonly string[];
  answered: readonly string[];
};
type Real = Readonly<{ cluster: RandomCluster; poolChange: "refuse" | "reassign"; faults: string[] }>;
type Command = fc.AsyncCommand<Model, Real>;

const NAMES = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];
const name = fc.constantFrom(...NAMES);
const wishes = fc.record({
  namespace: fc.constantFrom("default", "default", "shop"),
  type: fc.constantFrom("LoadBalancer", "LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"),
  families: fc.constantFrom<Partial<ServiceView>[]>({}, {}, {}, IPV6, DUAL_STACK, PREFER_DUAL_STACK),
  labels: fc.constantFrom({}, {}, { tier: "front" }),
  key: fc.constantFrom("", "", "k", "k", "l"),
  pool: fc.constantFrom("", "", "", "", "a", "b", "f", "none"),
  loadBalancerIP: fc.constantFrom("", "", "", "", "192.0.2.2", "198.51.100.1", "192.0.2.99", "2001:db8::2"),
  pair: fc.constantFrom("", "", "", "", "192.0.2.2,2001:db8::2", "2001:db8::1,192.0.2.4"),
  externalTrafficPolicy: fc.constantFrom("Cluster" as const, "Cluster" as const, "Local" as const),
  ports: fc.uniqueArray(fc.integer({ min: 80, max: 83 }), { minLength: 1, maxLength: 2 }),
  prefix: fc.constantFrom("metallb.io/", "metallb.universe.tf/"),
  foreign: fc.constantFrom(false, false, false, false, false, true),
});
type Wishes = typeof wishes extends fc.Arbitrary<infer Value> ? Value : never;

function edit(model: Model, cluster: RandomCluster, name: string, wishes: Wishes): ServiceView {
  const { families, key, pool, pair, ports, prefix, foreign, ...rest } = wishes;
  const former = [...cluster.stored.values()].find((service) => service.name === name);
  const annotations = {
    ...(key !== "" && { [`${prefix}allow-shared-ip`]: key }),
    ...(pool !== "" && { [`${prefix}address-pool`]: pool }),
    ...(pair !== "" && { [`${prefix}loadBalancerIPs`]: pair }),
  };
  const source = former?.annotations["metallb.io/ip-allocated-from-pool"];
  if (former === undefined) model.born += 1;
  const fresh = { ...serviceOf(name, { uid: `${model.born}`, selector: { app: "web" } }), ...families };
  // A namespace, a class and the families of clusterIPs never change in the life of a Service.
  const lasting = former ?? { ...fresh, namespace: rest.namespace, ...(foreign && { loadBalancerClass: "other" }) };
  return {
    ...lasting,
    ...rest,
    namespace: lasting.namespace,
    annotations: source === undefined ? annotations : { ...annotations, "metallb.io/ip-allocated-from-pool": source },
    ports: ports.map((port) => ({ protocol: "TCP", port })),
  };
}

function command(text: string, run: (model: Model, real: Real) => unknown): Command {
  return {
    check: () => true,
    toString: () => text,
    run: async (model, real) => {
      steps += 1;
      await run(model, real);
      expect(real.faults).toEqual([]);
    },
  };
}
let steps = 0;

const write = fc.tuple(name, wishes).map(([name, wishes]) =>
  command(`write ${name} ${JSON.stringify(wishes)}`, (model, { cluster }) => {
    const view = edit(model, cluster, name, wishes);
    model.edited.add(objectKey(view));
    cluster.put(view);
  }),
);
const remove = name.map((name) =>
  command(`delete ${name}`, (_model, { cluster }) => {
    for (const [key, service] of cluster.stored) if (service.name === name) cluster.remove(key);
  }),
);
const configure = fc.nat(DOCUMENTS.length - 1).map((index) =>
  command(`use pools ${index}`, async (model, { cluster }) => {
    model.poolsChanged = true;
    await cluster.surround({ documents: DOCUMENTS[index] ?? [] });
  }),
);
const ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.4", "198.51.100.1", "2001:db8::1", "10.0.0.1"];
const withhold = fc.tuple(fc.boolean(), fc.subarray(ADDRESSES, { maxLength: 2 })).map(([isNode, addresses]) =>
  command(`${isNode ? "nodes have" : "others answer for"} ${addresses.join()}`, async (model, { cluster }) => {
    if (isNode) model.nodeAddresses = addresses;
    else model.answered = addresses;
    await cluster.surround(isNode ? { nodeAddresses: addresses } : { answered: addresses });
  }),
);
/** Another controller, or the owner of a Service of another class, gives an address that nobody else shows. */
const writtenByOthers = fc.tuple(name, fc.constantFrom(...ADDRESSES)).map(([name, address]) =>
  command(`others give ${address} to ${name}`, (model, { cluster }) => {
    const view = [...cluster.stored.values()].find((service) => service.name === name);
    if (view === undefined || !isServed(view) || view.ingress.length > 0) return;
    if (rivals(view, address, cluster.stored.values()).length > 0) return;
    model.writtenByOthers = true;
    cluster.put({ ...view, ingress: [{ ip: address }] });
  }),
);
const deliver = fc
  .integer({ min: 1, max: 4 })
  .map((count) => command(`deliver ${count}`, (_model, { cluster }) => cluster.deliver(count)));
const answer = fc
  .tuple(fc.nat(2), fc.constantFrom<Fate[]>("stored", "stored", "stored", "lost", "refused", "unavailable"))
  .map(([index, fate]) => command(`answer ${index} ${fate}`, (_model, { cluster }) => cluster.answer(index, fate)));
const restart = fc.constant(
  command("restart", async (model, { cluster }) => {
    for (const conflict of conflicts([...cluster.stored.values()])) model.inherited.add(conflict);
    await cluster.restart();
  }),
);
const settle = fc.constant(command("settle", settleAndCheck));

/** `a|b|address` of those who have one address and may not share it. */
function conflicts(services: readonly ServiceView[]): string[] {
  return services
    .filter(isServed)
    .flatMap((service) =>
      ipsOf(service).flatMap((ip) => rivals(service, ip, services).map(({ name }) => `${service.name}|${name}|${ip}`)),
    );
}

async function settleAndCheck(model: Model, { cluster, poolChange }: Real): Promise<void> {
  await cluster.settle();
  const services = [...cluster.stored.values()];
  const pools = poolsOf(cluster.inForce());
  const withheld = new Set([...model.nodeAddresses, ...model.answered]);
  // Where a configuration without room is refused, who has no room keeps what it has, whatever becomes of it.
  const isHeld = (service: ServiceView): boolean =>
    poolChange === "refuse" && !pools.some(({ addresses }) => ipsOf(service).every((ip) => addresses.includes(ip)));
  const now = new Set(conflicts(services));
  const free = new Set(conflicts(services.filter((service) => !isHeld(service))));
  // One of another class comes back to its type with the status that it had: that is for its own controller to mend.
  const isForeign = (conflict: string): boolean =>
    services.some(
      ({ name, loadBalancerClass }) => loadBalancerClass !== undefined && conflict.split("|").includes(name),
    );
  for (const conflict of now) {
    if (free.has(conflict) && !isForeign(conflict)) expect(model.inherited, conflict).toContain(conflict);
    else model.inherited.add(conflict);
  }
  for (const conflict of model.inherited) if (!now.has(conflict)) model.inherited.delete(conflict);

  for (const service of services.filter((each) => !isServed(each) && each.loadBalancerClass === undefined)) {
    expect(service.ingress).toEqual([]);
  }
  for (const service of services.filter(isOurs)) {
    if (isHeld(service)) continue;
    const problem = complaint(service, { services, pools, withheld });
    expect(problem && { problem, service: service.name, inForce: pools.map(({ name }) => name) }).toBeUndefined();
  }
  checkMoves(model, cluster);
  model.edited.clear();
  model.poolsChanged = false;
  model.writtenByOthers = false;
  model.before = new Map(cluster.stored);
  model.logged = cluster.log.length;
}

/** Who lost an address has lost it for a reason, and the log says which address and why. */
function checkMoves(model: Model, cluster: RandomCluster): void {
  const told = cluster.log.slice(model.logged);
  for (const [key, former] of model.before) {
    const service = cluster.stored.get(key);
    if (service === undefined || service.uid !== former.uid || !isOurs(former) || !isOurs(service)) continue;
    const lost = ipsOf(former).filter((ip) => !ipsOf(service).includes(ip));
    if (lost.length === 0) continue;
    const hadUnmetWish = former.loadBalancerIP !== "" || Object.keys(former.annotations).length > 1;
    const mayMove = model.edited.has(key) || model.poolsChanged || model.writtenByOthers || hadUnmetWish;
    expect({ key, lost, mayMove }).toEqual({ key, lost, mayMove: true });
    for (const ip of lost) {
      const reasons = told.filter((line) => line.service === key && line.before?.includes(ip) === true);
      expect(
        reasons.map(({ reason }) => reason),
        `${key} lost ${ip}`,
      ).toContainEqual(expect.stringMatching(/.{10}/));
    }
  }
}

/** At the moment of each write: what it gives anew is nobody's, as far as the controller was told. */
function checkIssued({ service, addresses }: StatusWrite, model: Model, real: Real): void {
  const { cluster, faults } = real;
  const key = objectKey(service);
  const had = ipsOf(service);
  for (const ip of addresses.filter((address) => !had.includes(address))) {
    if (model.nodeAddresses.includes(ip) || model.answered.includes(ip)) faults.push(`${key} is given ${ip}, withheld`);
    for (const other of rivals(service, ip, cluster.seen.values())) {
      // Who was edited may have to go, and what others wrote may be given in the same moment.
      if (model.edited.has(objectKey(other)) || model.edited.has(key) || model.writtenByOthers) continue;
      faults.push(`${key} is given ${ip}, which the status of ${other.name} shows`);
    }
  }
}

function setup(poolChange: "refuse" | "reassign"): { model: Model; real: Real } {
  const faults: string[] = [];
  const model: Model = {
    edited: new Set(),
    poolsChanged: false,
    writtenByOthers: false,
    inherited: new Set(),
    before: new Map(),
    logged: 0,
    born: 0,
    nodeAddresses: [],
    answered: [],
  };
  const surroundings = { documents: DOCUMENTS[0] ?? [], nodeAddresses: [], answered: [] };
  const issued: { check: (write: StatusWrite) => void } = { check: () => undefined };
  const cluster = createRandomCluster(poolChange, surroundings, (write) => issued.check(write));
  const real = { cluster, poolChange, faults };
  issued.check = (write) => checkIssued(write, model, real);
  return { model, real };
}

const weighted = <Value>(weight: number, arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value>[] =>
  Array.from({ length: weight }, () => arbitrary);
const commands = fc.commands<Model, Real>(
  [
    ...weighted(6, write),
    ...weighted(2, remove),
    configure,
    withhold,
    writtenByOthers,
    ...weighted(3, deliver),
    ...weighted(3, answer),
    restart,
    ...weighted(2, settle),
  ] as fc.Arbitrary<Command>[],
  { maxCommands: 80, size: "max" },
);

/** One life to its end. @returns all that the controller wrote and told, in order */
async function live(commands: Iterable<Command>, poolChange: "refuse" | "reassign"): Promise<string> {
  const { model, real } = setup(poolChange);
  await fc.asyncModelRun(() => ({ model, real }), commands);
  await settleAndCheck(model, real);
  return [...real.cluster.writes, ...real.cluster.events].join("\n");
}

it(
  "gives, keeps and takes addresses by the rules, whatever server, network and other controllers do",
  async () => {
    steps = 0;
    let lived = 0; // by those of the first lives, not of their repetitions
    const poolChange = fc.constantFrom("reassign" as const, "refuse" as const);
    const property = fc.asyncProperty(commands, poolChange, fc.nat(4), async (commands, poolChange, repeated) => {
      const before = steps;
      const outcome = await live(commands as Iterable<Command>, poolChange);
      lived += steps - before;
      // The same life gives the same addresses, in the same order.
      if (repeated === 0) expect(await live(commands as Iterable<Command>, poolChange)).toBe(outcome);
    });
    await fc.assert(property, { numRuns: runs(170) });
    expect(lived).toBeGreaterThanOrEqual(runs(5_000));
  },
  runs(120_000),
);
