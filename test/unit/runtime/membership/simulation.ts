import type {
  MemberChange,
  MembershipEvent,
  MembershipReport,
  Ownership,
} from "../../../../src/runtime/membership/effects.js";
import { decodeMessage } from "../../../../src/runtime/membership/messages.js";
import { encodeMetadata } from "../../../../src/runtime/membership/metadata.js";
import { LAN_PARAMETERS, type MembershipParameters } from "../../../../src/runtime/membership/parameters.js";
import { nextRandom, shuffle } from "../../../../src/runtime/membership/random.js";
import { localState } from "../../../../src/runtime/membership/rumours.js";
import {
  createMembershipState,
  isLive,
  nextTimeoutAt,
  type Endpoint,
  type MembershipState,
} from "../../../../src/runtime/membership/state.js";
import { step } from "../../../../src/runtime/membership/step.js";
import { addToRing, createWatchRing } from "../../../../src/runtime/membership/watch-ring.js";

export type SimulationOptions = Readonly<{
  members: number;
  /** Whether they watch each other by heartbeats, as our speakers do. */
  heartbeats?: boolean;
  /** Who does not do so, as members of the releases. */
  old?: readonly string[];
  /** Of packets: 0 to 1. Streams are not lost, since they send again. */
  loss?: number;
  seed?: number;
  latencyMilliseconds?: number;
  /** Before a test begins; all know each other then. */
  settleMilliseconds?: number;
  parameters?: Partial<MembershipParameters>;
}>;

const MOST_THAT_JOIN = 20;

/** What a member said, and when. */
export type Observed<Said> = Readonly<{ atMilliseconds: number; by: string }> & Said;

type Node = {
  readonly state: MembershipState;
  running: boolean;
  stalledUntil: number;
  /** Until then it runs for a tenth of the time, as a process with that quota of CPU does. */
  throttledUntil: number;
  group: number;
  /** When its next tick is; Infinity: none is due. */
  wakeAt: number;
};

/** IPv4, UDP, nonce and tag of the encryption, checksum. */
const OVERHEAD_OCTETS = 20 + 8 + 29 + 5;
const QUOTA_PERIOD_MILLISECONDS = 100;
const QUOTA_MILLISECONDS = 10;

/** A fleet in virtual time, to the millisecond: the same options, the same course. Members are n0, n1, … */
export function createSimulation({
  members,
  heartbeats = false,
  old = [],
  loss: lossAtFirst = 0,
  seed = 1,
  latencyMilliseconds = 1,
  settleMilliseconds = heartbeats ? 3000 : 20_000,
  parameters = {},
}: SimulationOptions) {
  let now = 0;
  let loss = lossAtFirst;
  const random = { seed };
  const agenda = new Map<number, (() => void)[]>(); // by millisecond
  const nodes = new Map<string, Node>();
  const changes: Observed<MemberChange>[] = [];
  const reports: Observed<MembershipReport>[] = [];
  const owned: { atMilliseconds: number; name: string; outcome: Ownership; incarnation: number }[] = [];
  const takenForDead: { atMilliseconds: number; name: string; incarnation: number }[] = [];
  const cuts = new Set<string>(); // `from to`
  let packets = 0;
  let octets = 0;
  let left = 0;

  function at(time: number, action: () => void): void {
    const millisecond = Math.max(now, Math.ceil(time));
    const list = agenda.get(millisecond);
    if (list === undefined) agenda.set(millisecond, [action]);
    else list.push(action);
  }

  const addresses = new Map<string, Node>();
  const nodeAt = ({ address }: Endpoint): Node | undefined => addresses.get(address);
  const isCut = (a: Node, b: Node): boolean => cuts.size > 0 && cuts.has(`${a.state.self.name} ${b.state.self.name}`);
  const connected = (a: Node, b: Node | undefined): b is Node =>
    b !== undefined && b.running && a.group === b.group && !isCut(a, b);
  const delay = (): number => latencyMilliseconds * (0.5 + nextRandom(random));

  function pushPull(node: Node, target: Node | undefined, nonce?: number): void {
    if (!connected(node, target)) return;
    at(now + 3 * delay(), () => {
      if (!connected(node, target)) return;
      const [ours, theirs] = [localState(node.state), localState(target.state)];
      dispatch(target, { type: "remoteState", members: ours });
      dispatch(node, { type: "remoteState", members: theirs, ...(nonce === undefined ? {} : { nonce }) });
    });
  }

  function dispatch(node: Node, event: MembershipEvent): void {
    if (!node.running) return;
    // Who stands still takes what came as soon as he goes on.
    const runsAt = runsAgainAt(node);
    if (runsAt > now) return at(runsAt, () => dispatch(node, event));
    const { name, endpoint } = node.state.self;
    for (const effect of step(node.state, event, now)) {
      switch (effect.do) {
        case "sendPacket": {
          packets += 1;
          for (const { length } of effect.messages) octets += length;
          octets += OVERHEAD_OCTETS + (effect.messages.length > 1 ? 2 + 2 * effect.messages.length : 0);
          const target = nodeAt(effect.to);
          if (!connected(node, target) || nextRandom(random) < loss) break;
          at(now + delay(), () => {
            for (const wire of effect.messages) {
              const read = decodeMessage(wire);
              if (!read.ok) throw new Error(`a member sent what cannot be read: ${read.fault}`);
              dispatch(target, { type: "message", from: endpoint, message: read.value });
            }
          });
          break;
        }
        case "pingByStream": {
          const target = nodeAt(effect.to);
          if (!connected(node, target) || target.stalledUntil > now + effect.timeoutMilliseconds) break;
          at(Math.max(now, target.stalledUntil) + 3 * delay(), () =>
            dispatch(node, { type: "streamAck", sequence: effect.sequence }),
          );
          break;
        }
        case "pushPull":
          pushPull(node, nodeAt(effect.to), effect.nonce);
          break;
        case "owned":
          owned.push({
            atMilliseconds: now,
            name,
            outcome: effect.ownership,
            incarnation: node.state.self.incarnation,
          });
          break;
        case "takenForDead":
          takenForDead.push({ atMilliseconds: now, name, incarnation: effect.incarnation });
          break;
        case "changed":
          changes.push({ atMilliseconds: now, by: name, ...effect.change });
          break;
        case "report":
          reports.push({ atMilliseconds: now, by: name, ...effect.report });
          break;
        case "left":
          left += 1;
          break;
        case "drop":
      }
    }
    arm(node);
  }

  function runsAgainAt({ stalledUntil, throttledUntil }: Node): number {
    if (stalledUntil > now) return stalledUntil;
    const isThrottled = throttledUntil > now && now % QUOTA_PERIOD_MILLISECONDS >= QUOTA_MILLISECONDS;
    return isThrottled ? now - (now % QUOTA_PERIOD_MILLISECONDS) + QUOTA_PERIOD_MILLISECONDS : now;
  }

  function arm(node: Node): void {
    const wakeAt = Math.max(now + 1, Math.ceil(nextTimeoutAt(node.state)));
    if (wakeAt >= node.wakeAt) return;
    node.wakeAt = wakeAt;
    at(wakeAt, () => wake(node));
  }

  function wake(node: Node): void {
    if (!node.running || node.wakeAt !== now) return;
    node.wakeAt = Number.POSITIVE_INFINITY;
    if (nextTimeoutAt(node.state) > now) return arm(node);
    dispatch(node, { type: "tick" });
    if (runsAgainAt(node) <= now && nextTimeoutAt(node.state) <= now) throw new Error("a tick leaves something due");
  }

  function start(name: string): void {
    const number = Number(name.slice(1));
    const state = createMembershipState(
      {
        name,
        address: `10.0.${number >> 8}.${number & 255}`,
        port: 7946,
        ...(heartbeats && !old.includes(name) ? { metadata: encodeMetadata({ heartbeats }) } : {}),
        parameters: { ...LAN_PARAMETERS, ...parameters },
        packetOverheadOctets: 34,
        seed: seed * 1000 + number + now,
      },
      now,
    );
    const node = {
      state,
      running: true,
      stalledUntil: 0,
      throttledUntil: 0,
      group: 0,
      wakeAt: Number.POSITIVE_INFINITY,
    };
    nodes.set(name, node);
    addresses.set(state.self.endpoint.address, node);
    if (members > MOST_THAT_JOIN && now <= members) return;
    dispatch(node, { type: "start" });
    pushPull(node, nodes.get(number > 0 ? "n0" : "n1"));
  }

  /** What a join comes to, which in a large fleet costs more time than all that is tested. */
  function introduceAll(): void {
    run(members);
    const all = Array.from(nodes.values(), ({ state }) => state.self);
    for (const { state } of nodes.values()) {
      for (const one of all) {
        if (one === state.self) continue;
        const member = { ...one };
        state.members.set(one.name, member);
        state.order.push(member);
      }
      shuffle(state.random, state.order);
    }
    if (heartbeats) {
      const { keys, names } = createWatchRing();
      for (const { name } of all) if (!old.includes(name)) addToRing({ keys, names }, name);
      for (const { state } of nodes.values()) {
        const { ring, key } = state.watch;
        for (const one of keys) if (one !== key) ring.keys.push(one);
        for (const [one, name] of names) if (one !== key) ring.names.set(one, name);
      }
    }
    // Not all at the same moment, as it never is.
    for (const node of nodes.values()) at(now + 1000 * nextRandom(random), () => dispatch(node, { type: "start" }));
  }

  /** Lets so much time pass. */
  function run(milliseconds: number): void {
    const end = now + milliseconds;
    for (; now <= end; now += 1) {
      const list = agenda.get(now) ?? [];
      for (const action of list) action(); // a list that grows meanwhile is gone through to its end
      agenda.delete(now);
    }
    now = end;
  }

  const get = (name: string): Node => {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  };

  for (let index = 0; index < members; index += 1) at(index, () => start(`n${index}`));
  if (members > MOST_THAT_JOIN) introduceAll();
  run(settleMilliseconds); // joined, and quiet again
  const unsettled = [...nodes.values()].filter(({ state }) => state.members.size !== members);
  if (unsettled.length > 0)
    throw new Error(`${unsettled.length} members do not know all others after ${settleMilliseconds} ms`);
  changes.length = 0;
  reports.length = 0;

  return {
    run,
    now: () => now,
    changes,
    reports,
    owned,
    takenForDead,
    traffic: () => ({ packets, octets }),
    left: () => left,
    lose: (share: number) => void (loss = share),
    /** The names of those that a member takes for alive, in the order of the alphabet. */
    alive: (name: string) =>
      [...get(name).state.members.values()]
        .filter(isLive)
        .map((member) => member.name)
        .toSorted(),
    healthScore: (name: string) => get(name).state.healthScore,
    metadata: (of: string, by: string) => get(by).state.members.get(of)?.metadata,
    dispatch: (name: string, event: MembershipEvent) => dispatch(get(name), event),
    start,
    join: (name: string, to: string) => pushPull(get(name), get(to)),
    kill: (name: string) => void (get(name).running = false),
    stall: (name: string, milliseconds: number) => void (get(name).stalledUntil = now + milliseconds),
    throttle: (name: string, milliseconds: number) => void (get(name).throttledUntil = now + milliseconds),
    /** From now on nothing gets from one to the other, but back. */
    cut: (from: string, to: string) => void cuts.add(`${from} ${to}`),
    /** Only members of the same group hear each other; group 0 is where all are at first. */
    move: (name: string, group: number) => void (get(name).group = group),
  };
}
