import type { AskFirst } from "../layer2/messages.js";
import { parseAddress, type IpAddress } from "../net/address.js";
import type { Logger } from "../net/logger.js";
import type { EndpointSliceView, NodeView, ObjectKey, ServiceView } from "../world/views.js";
import { objectKey } from "../world/views.js";
import type { KubernetesDocument } from "../../config/documents.js";
import type { LoadOptions } from "../../config/load.js";
import type { Peer } from "../../config/model.js";
import { decideService } from "../announce/decide-service.js";
import type { AnnounceDecision, AnnounceWorld, Fleet } from "../announce/decision.js";
import { createAnnouncedAddresses } from "./announced-addresses.js";
import { createAnnouncementNews, type AnnounceProtocol, type SpeakerEvent } from "./announcement-news.js";
import { createBgpAnnouncements } from "./bgp-announcements.js";
import { identifierOf } from "./bgp-peer-options.js";
import type { BfdPeers } from "./bfd-peers.js";
import type { BgpSessions } from "./bgp-sessions.js";
import { createConflictNews, type ConflictNews } from "./conflict-news.js";
import { createFreshAddresses } from "./fresh-addresses.js";
import { createMissingInterfaces } from "./missing-interfaces.js";
import { createOwnPeers } from "./own-peers.js";
import { createRefusedRequestNews } from "./refused-requests.js";
import { createSliceIndex } from "./slice-index.js";
import { createSpeakerConfig, type IndexedModel } from "./speaker-config.js";
import { addressesOf, decidesAlike, peersOf } from "./view-parts.js";

/** What the shell needs of the world around it; the join passes edges in, a test passes arrays. */
export type SpeakerPorts = Readonly<{
  /**
   * Answer for an address on these interfaces ([]: all), or on others than before; with `probe` only after asking the link
   * whether another machine has it, since it comes from no other speaker, or until it has it no more.
   */
  announce(address: string, interfaces: readonly string[], probe: AskFirst): void;
  withdraw(address: string): void;
  /** Other speakers came or went: what others claim for a while may be theirs. */
  fleetChanged(): void;
  recordEvent(service: ServiceView, event: SpeakerEvent): void;
  bgp: Pick<BgpSessions, "usePeers" | "setRoutes" | "hold" | "flush">;
  bfd?: Pick<BfdPeers, "usePeers">;
  /** The gauge of announced addresses, and whether the newest configuration is in use. */
  gaugeAnnounced(service: ObjectKey, address: string, protocol: AnnounceProtocol, announced: boolean): void;
  gaugeConfig(state: Readonly<{ loaded: boolean; stale: boolean }>): void;
  /** How many Services that are announced here ask for something of BGP that they do not get. */
  gaugeRefusedRequests?(services: number): void;
  /** What is wrong with the newest configuration, in sentences; [] where it is in use. */
  configResult?(problems: readonly string[]): void;
  /** The interfaces there are, up or down, without those that are left alone. */
  interfaceNames?(): ReadonlySet<string>;
  /** What this node announces of a Service, each time that it was looked at, for those who tell others. */
  announces?(service: ObjectKey, announced: ServiceAnnouncement): void;
  /** Everything there is has been looked at once. */
  decided?(): void;
  /** Runs `work` once, soon, after what arrives together has arrived, and what was due meanwhile has had its turn. */
  defer(work: () => void): void;
  log: Logger;
}>;
export type { SpeakerEvent };

/** By layer 2 on these interfaces ([]: all), by BGP to these peers, sorted; undefined: not at all. */
export type ServiceAnnouncement = Readonly<{
  layer2: readonly string[] | undefined;
  bgp: readonly string[] | undefined;
}>;

/**
 * One node's speaker: what announce decides for this node, kept true. Level-triggered: every input only marks what to
 * look at again. Duties of the caller: pass every object that exists, then `synced()`; after that whatever changes.
 * Nothing is announced before `synced()` and a first model, so that a restart does not withdraw and announce again.
 */
export interface Speaker {
  /** @param key its objectKey(), where the caller has it: one text for all who keep it */
  serviceChanged(service: ServiceView, key?: ObjectKey): void;
  serviceDeleted(key: ObjectKey): void;
  endpointSliceChanged(slice: EndpointSliceView, key?: ObjectKey): void;
  endpointSliceDeleted(key: ObjectKey): void;
  nodeChanged(node: NodeView): void;
  nodeDeleted(name: string): void;
  /** Names of the nodes whose speaker is alive. */
  aliveChanged(alive: ReadonlySet<string>): void;
  /** By whose rules the speakers elect; the newest until this is called. */
  fleetChanged(fleet: Fleet): void;
  /** All documents that are configuration. Where they are refused the last good model stays in force. */
  configChanged(documents: readonly KubernetesDocument[]): void;
  /** Documents that were good in an earlier life: in force where the first present ones are refused. Before configChanged. */
  configRestored(documents: readonly KubernetesDocument[]): void;
  /**
   * Works out once what would be announced if all nodes lived, and announces nothing: what comes with the first decisions alone is
   * done by then. Between `synced()` and these nobody has the addresses that the others leave to this speaker. Before `synced()`.
   */
  rehearse(): void;
  synced(): void;
  /** Another machine on the link has an address that is announced here, or was to be: its Services are told by Event. */
  conflictHeard: ConflictNews["heard"];
  /** An address that was given up to another machine is announced again. */
  regained: ConflictNews["regained"];
  /** Interfaces came or went. */
  interfacesChanged(): void;
  /** The peers that this node is to have sessions with, in the order in which they count. */
  peers(): readonly Peer[];
  /** What is announced now, by address. */
  announced(): ReadonlyMap<string, readonly string[]>;
  /** What is decided of a Service as things stand, and why; undefined where there is none that is ours, or nothing is decided yet. */
  decision(key: ObjectKey): AnnounceDecision | undefined;
  /** Runs `work` once all that is to be looked at by now has been: at once where there is nothing. */
  whenDecided(work: () => void): void;
  /** Withdraws everything from layer 2; nothing is announced afterwards. How routes go is the sessions' matter. */
  stop(): void;
}

/** With where the configuration is, and as which release its ConfigMap is read. */
export type SpeakerOptions = LoadOptions &
  Readonly<{
    node: string;
    loadBalancerClass: string;
    ignoreExcludeLabel: boolean;
  }>;

/** So many Services are enough for V8 to have seen what there is to compile. */
const REHEARSED = 200;
/** So many Services are decided on before timers and connections have their turn: 10 ms, some 30 with 50 peers. */
const SERVICES_AT_ONCE = 500;

export function createSpeaker(options: SpeakerOptions, ports: SpeakerPorts): Speaker {
  const services = new Map<ObjectKey, ServiceView>(); // BOUNDED by the Services that exist
  const slices = createSliceIndex();
  const nodes = new Map<string, NodeView>();
  const dirty = new Set<ObjectKey>(); // BOUNDED by the Services that exist or are announced
  const fresh = createFreshAddresses();
  const announced = createAnnouncedAddresses({
    announce(address, interfaces) {
      const isFresh = fresh.take(address);
      ports.announce(address, interfaces, fleet?.asksFirst === true ? "handover" : isFresh);
    },
    withdraw: (address) => ports.withdraw(address),
    gaugeAnnounced: (key, address, on) => ports.gaugeAnnounced(key, address, "layer2", on),
  });
  const announcedByBgp = createBgpAnnouncements(ports.bgp, (key, address, on) =>
    ports.gaugeAnnounced(key, address, "bgp", on),
  );
  let nodeIdentifier: IpAddress | undefined; // of BGP: once chosen it stays, or every session would begin anew
  const ownPeers = createOwnPeers(ports.log);
  const news = createAnnouncementNews(options.node, saysProtocol, ports);
  const conflicts = createConflictNews(options.node, ports, (address) => {
    return new Map(announced.claimants(address).map((key) => [key, services.get(key)]));
  });
  const refusedRequests = createRefusedRequestNews(options.node, { ...ports, gauge: ports.gaugeRefusedRequests });
  const { interfaceNames } = ports;
  const missingInterfaces =
    interfaceNames === undefined ? undefined : createMissingInterfaces(options.node, { ...ports, interfaceNames });
  let alive: ReadonlySet<string> = new Set();
  let fleet: Fleet | undefined;
  const config = createSpeakerConfig(options, ports, strandedBy);
  let allDirty = false;
  let isSynced = false;
  let stopped = false;
  let deferred = false;
  let isUnderWay = false; // what is to be looked at takes several turns
  const waiting: (() => void)[] = []; // until all is decided. BOUNDED by the changes of who lives meanwhile

  /** As the release whose words are used, and as those of the fleet while one of them lives. */
  function saysProtocol(): boolean {
    return options.generation === undefined && fleet?.rules.nodeSelectors !== false; // both came with the resources
  }

  function touch(key: ObjectKey): void {
    dirty.add(key);
    workSoon();
  }

  function touchAll(): void {
    allDirty = true;
    workSoon();
  }

  function workSoon(): void {
    if (deferred || stopped || !isSynced) return;
    deferred = true;
    ports.defer(() => {
      deferred = false;
      work();
    });
  }

  function work(): void {
    if (!isSynced || stopped) return;
    do {
      if (!isUnderWay && config.take()) {
        followOwnPeers();
        allDirty = true;
      }
      isUnderWay = !reconcileSome();
      if (isUnderWay) return workSoon();
    } while (config.hasRoom()); // what was in its way was withdrawn just now
    for (const next of waiting.splice(0)) next();
  }

  /** @returns whether nothing is left; until then BGP says nothing, which is to hear of all that changes together */
  function reconcileSome(): boolean {
    const world = worldNow();
    if (world === undefined) return true;
    if (allDirty) for (const key of services.keys()) dirty.add(key);
    allDirty = false;
    let left = SERVICES_AT_ONCE;
    for (const key of dirty) {
      if (left === 0) break;
      left -= 1;
      dirty.delete(key);
      reconcile(key, world);
    }
    if (dirty.size > 0) {
      ports.bgp.hold();
      return false;
    }
    ports.bgp.flush();
    ports.decided?.();
    return true;
  }

  /** What decisions are made on; undefined without a configuration. */
  function worldNow(): AnnounceWorld | undefined {
    const inForce = config.inForce();
    const { ignoreExcludeLabel } = options;
    return inForce && { ...inForce, nodes, alive, ignoreExcludeLabel, ...(fleet && { fleet }) };
  }

  function reconcile(key: ObjectKey, world: AnnounceWorld): void {
    const service = services.get(key);
    if (service === undefined || !isOurs(service)) {
      news.forget(key);
      missingInterfaces?.forget(key);
      refusedRequests.forget(key);
      ports.announces?.(key, { layer2: undefined, bgp: undefined });
      const isGone = [announced.update(key, [], []), announcedByBgp.update(key, [], [])];
      if (isGone.includes(true)) news.withdrawn(key, service === undefined ? "serviceDeleted" : "notOurClass");
      return;
    }
    const { layer2, bgp } = decideService(world, { service, endpointSlices: slices.of(key) }, options.node);
    if (!layer2.announce && layer2.winner !== undefined) fresh.spend(addressesOf(service));
    const byLayer2 = layer2.announce ? layer2.addresses : [];
    const layer2Changed = announced.update(key, byLayer2, layer2.announce ? layer2.interfaces : []);
    news.tell(key, service, "layer2", { now: layer2, isChanged: layer2Changed, ips: byLayer2 });
    const byBgp = bgp.announce ? addressesOf(service) : [];
    const bgpChanged = announcedByBgp.update(key, byBgp, bgp.announce ? bgp.routes : []);
    news.tell(key, service, "bgp", { now: bgp, isChanged: bgpChanged, ips: byBgp });
    missingInterfaces?.look(service, byLayer2, layer2.announce ? layer2.interfaces : []);
    refusedRequests.look(service, bgp.announce ? bgp.refused : undefined);
    ports.announces?.(key, {
      layer2: layer2.announce ? layer2.interfaces : undefined,
      bgp: bgp.announce ? peersOf(bgp.routes) : undefined,
    });
  }

  function shownBy(key: ObjectKey): readonly string[] {
    const service = services.get(key);
    return service === undefined ? [] : addressesOf(service);
  }

  function isOurs(service: ServiceView): boolean {
    return service.type !== "LoadBalancer" || (service.loadBalancerClass ?? "") === options.loadBalancerClass;
  }

  /** An address that is announced and in no pool of the model. */
  function strandedBy({ findPool }: IndexedModel): string | undefined {
    return [...announced.addresses(), ...announcedByBgp.addresses()].find((text) => {
      const address = parseAddress(text);
      return address === undefined || findPool(address) === undefined;
    });
  }

  /** @returns whether the Node or the model now says others */
  function followOwnPeers(): boolean {
    const node = nodes.get(options.node);
    const inForce = config.inForce();
    if (inForce === undefined || !isSynced) return false;
    const isChanged = ownPeers.update(node === undefined ? { peers: [], faults: [] } : inForce.findPeers(node));
    if (node !== undefined) nodeIdentifier ??= identifierOf(node.name, node.internalIPs);
    if (nodeIdentifier !== undefined) ports.bgp.usePeers(ownPeers.list(), nodeIdentifier);
    ports.bfd?.usePeers(ownPeers.list(), inForce.model.bfdProfiles);
    return isChanged;
  }

  return {
    serviceChanged(service, key = objectKey(service)) {
      fresh.shown(shownBy(key), addressesOf(service));
      services.set(key, service);
      touch(key);
    },
    serviceDeleted(key) {
      fresh.shown(shownBy(key), []);
      services.delete(key);
      touch(key);
    },
    endpointSliceChanged: (slice, key) => slices.set(slice, key).forEach(touch),
    endpointSliceDeleted: (key) => slices.delete(key).forEach(touch),
    nodeChanged(node) {
      const before = nodes.get(node.name);
      nodes.set(node.name, node);
      const hasOtherPeers = node.name === options.node && followOwnPeers();
      if (hasOtherPeers || before === undefined || !decidesAlike(before, node)) touchAll();
    },
    nodeDeleted(name) {
      nodes.delete(name);
      if (name === options.node) followOwnPeers();
      touchAll();
    },
    aliveChanged(names) {
      if (names.size === alive.size && [...names].every((name) => alive.has(name))) return;
      alive = names;
      ports.fleetChanged();
      touchAll();
    },
    fleetChanged(next) {
      fleet = next;
      touchAll();
    },
    configRestored: config.restore,
    configChanged(documents) {
      config.use(documents);
      work();
    },
    rehearse() {
      config.take();
      const world = worldNow();
      if (world === undefined) return;
      const alive = new Set(nodes.keys());
      let left = REHEARSED;
      for (const [key, service] of services) {
        if (left === 0) break;
        left -= 1;
        decideService({ ...world, alive }, { service, endpointSlices: slices.of(key) }, options.node);
      }
    },
    synced() {
      isSynced = true;
      fresh.begin();
      allDirty = true;
      followOwnPeers();
      work();
    },
    conflictHeard: conflicts.heard,
    regained: conflicts.regained,
    interfacesChanged: () => missingInterfaces?.lookAgain(),
    peers: ownPeers.list,
    announced: announced.byAddress,
    decision(key) {
      const [service, world] = [services.get(key), worldNow()];
      if (service === undefined || world === undefined || !isSynced || !isOurs(service)) return undefined;
      return decideService(world, { service, endpointSlices: slices.of(key) }, options.node); // kept, it would take too much
    },
    whenDecided(next) {
      if (deferred) waiting.push(next);
      else next();
    },
    stop() {
      stopped = true;
      dirty.clear();
      for (const key of services.keys()) announced.update(key, [], []);
      for (const next of waiting.splice(0)) next();
    },
  };
}
