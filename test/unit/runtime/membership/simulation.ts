import { removeBroadcast } from "../../../../src/runtime/membership/broadcast-queue.js";
import type { MemberChange, MembershipEvent, MembershipReport } from "../../../../src/runtime/membership/effects.js";
import { decodeMessage } from "../../../../src/runtime/membership/messages.js";
import { LAN_PARAMETERS, type MembershipParameters } from "../../../../src/runtime/membership/parameters.js";
import { nextRandom } from "../../../../src/runtime/membership/random.js";
import { localState } from "../../../../src/runtime/membership/rumours.js";
import {
  createMembershipState,
  isLive,
  nextTimeoutAt,
  type Endpoint,
  type MembershipState,
} from "../../../../src/runtime/membership/state.js";
import { step } from "../../../../src/runtime/membership/step.js";

export type SimulationOptions = Readonly<{
  members: number;
  /** Of packets: 0 to 1. Streams are not lost, since they send again. */
  loss?: number;
  seed?: number;
  latencyMilliseconds?: number;
  parameters?: Partial<MembershipParameters>;
}>;

const MOST_THAT_JOIN = 20;

/** What a member said, and when. */
export type Observed<Said> = Readonly<{ atMilliseconds: number; by: string }> & Said;

type Node = { state: MembershipState; running: boolean; stalledUntil: number; group: number };

/** A fleet in virtual time, to the millisecond: the same options, the same course. Members are n0, n1, … */
export function createSimulation({
  members,
  loss: lossAtFirst = 0,
  seed = 1,
  latencyMilliseconds = 1,
  parameters = {},
}: SimulationOptions) {
  let now = 0;
  let loss = lossAtFirst;
  const random = { seed };
  const agenda = new Map<number, (() => void)[]>(); // by millisecond
  const nodes = new Map<string, Node>();
  const changes: Observed<MemberChange>[] = [];
  const reports: Observed<MembershipReport>[] = [];
  let packets = 0;
  let octets = 0;
  let left = 0;

  function at(time: number, action: () => void): void {
    const millisecond = Math.max(now, Math.ceil(time));
    const list = agenda.get(millisecond);
    if (list === undefined) agenda.set(millisecond, [action]);
    else list.push(action);
  }

  const nodeAt = ({ address }: Endpoint): Node | undefined =>
    nodes.get(`n${Number(address.split(".").at(-1)) + 256 * Number(address.split(".").at(-2))}`);
  const connected = (a: Node, b: Node | undefined): b is Node => b !== undefined && b.running && a.group === b.group;
  const delay = (): number => latencyMilliseconds * (0.5 + nextRandom(random));

  function pushPull(node: Node, target: Node | undefined): void {
    if (!connected(node, target)) return;
    at(now + 3 * delay(), () => {
      if (!connected(node, target)) return;
      const [ours, theirs] = [localState(node.state), localState(target.state)];
      dispatch(target, { type: "remoteState", members: ours });
      dispatch(node, { type: "remoteState", members: theirs });
    });
  }

  function dispatch(node: Node, event: MembershipEvent): void {
    if (!node.running) return;
    // Who stands still takes what came as soon as he goes on.
    if (node.stalledUntil > now) return at(node.stalledUntil, () => dispatch(node, event));
    const { name, endpoint } = node.state.self;
    for (const effect of step(node.state, event, now)) {
      switch (effect.do) {
        case "sendPacket": {
          packets += 1;
          octets += effect.messages.reduce((sum, { length }) => sum + length + 2, 2);
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
          pushPull(node, nodeAt(effect.to));
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
    const wakeAt = nextTimeoutAt(node.state);
    if (Number.isFinite(wakeAt)) at(Math.max(now + 1, wakeAt), () => wake(node));
  }

  function wake(node: Node): void {
    if (!node.running || nextTimeoutAt(node.state) > now) return;
    dispatch(node, { type: "tick" });
    if (node.stalledUntil <= now && nextTimeoutAt(node.state) <= now) throw new Error("a tick leaves something due");
  }

  function start(name: string): void {
    const number = Number(name.slice(1));
    const state = createMembershipState(
      {
        name,
        address: `10.0.${number >> 8}.${number & 255}`,
        port: 7946,
        parameters: { ...LAN_PARAMETERS, ...parameters },
        packetOverheadOctets: 34,
        seed: seed * 1000 + number + now,
      },
      now,
    );
    const node = { state, running: true, stalledUntil: 0, group: 0 };
    nodes.set(name, node);
    dispatch(node, { type: "start" });
    if (members > MOST_THAT_JOIN) return;
    pushPull(node, nodes.get(number > 0 ? "n0" : "n1"));
  }

  /** What a join comes to, which in a large fleet costs more time than all that is tested. */
  function introduceAll(): void {
    run(members);
    const all = [...nodes.values()].flatMap(({ state }) => localState(state).slice(0, 1));
    for (const node of nodes.values()) {
      dispatch(node, { type: "remoteState", members: all });
      for (const name of nodes.keys()) removeBroadcast(node.state.broadcasts, name);
    }
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
  run(20_000); // joined, and quiet again
  const unsettled = [...nodes.values()].filter(({ state }) => state.members.size !== members);
  if (unsettled.length > 0) throw new Error(`${unsettled.length} members do not know all others after 20 s`);
  changes.length = 0;
  reports.length = 0;

  return {
    run,
    now: () => now,
    changes,
    reports,
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
    /** Only members of the same group hear each other; group 0 is where all are at first. */
    move: (name: string, group: number) => void (get(name).group = group),
  };
}
