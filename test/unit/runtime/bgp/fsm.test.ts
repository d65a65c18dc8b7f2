import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import { bgpFault } from "../../../../src/runtime/bgp/fault.js";
import { step } from "../../../../src/runtime/bgp/fsm.js";
import {
  establishedSession,
  INITIAL_STATE,
  stateName,
  type BgpEffect,
  type BgpEvent,
  type PeerOptions,
  type PeerState,
  type Side,
} from "../../../../src/runtime/bgp/fsm-types.js";
import { openMessage, type LocalSpeaker } from "../../../../src/runtime/bgp/negotiate.js";
import type { OpenMessage } from "../../../../src/runtime/bgp/open.js";
import { runs } from "../../runs.js";

const IPV4: Capability = { kind: "multiprotocol", afi: 1, safi: 1 };
const IPV6: Capability = { kind: "multiprotocol", afi: 2, safi: 1 };

const speaker = (
  asn: number,
  peerAs: LocalSpeaker["peerAs"],
  identifier: number,
  more: Partial<LocalSpeaker> = {},
) => ({
  asn,
  peerAs,
  bgpIdentifier: { family: "ipv4", value: BigInt(identifier) } as const,
  holdTimeSeconds: 90,
  capabilities: [IPV4, IPV6, { kind: "fourOctetAs", asn }] as readonly Capability[],
  ...more,
});
const US = speaker(64_512, 64_513, 1);
const THEM = openMessage(speaker(64_513, 64_512, 2));
const OPTIONS: PeerOptions = { local: US, passive: false, connectRetrySeconds: 120 };
const CEASE = { errorCode: 6, errorSubcode: 2, data: new Uint8Array() };

/** The state and all effects after a dialogue, as short texts. */
function play(events: readonly BgpEvent[], options = OPTIONS): { state: PeerState; said: readonly string[][] } {
  let state = INITIAL_STATE;
  const said = events.map((event) => {
    const [next, effects] = step(options, state, event);
    state = next;
    return effects.map(describeEffect);
  });
  return { state, said };
}

function describeEffect(effect: BgpEffect): string {
  switch (effect.do) {
    case "startTimer":
      return `start ${effect.timer}${effect.side === undefined ? "" : ` ${effect.side}`} ${effect.seconds}`;
    case "stopTimer":
      return `stop ${effect.timer}${effect.side === undefined ? "" : ` ${effect.side}`}`;
    case "sendNotification":
      return `notify ${effect.side} ${effect.notification.errorCode}/${effect.notification.errorSubcode}`;
    case "established":
      return `established ${effect.side}`;
    case "down":
      return `down: ${effect.reason}`;
    case "sendOpen":
      return `open ${effect.side}`;
    case "sendKeepalive":
      return `keepalive ${effect.side}`;
    case "close":
      return `close ${effect.side}`;
    case "connect":
      return "connect";
  }
}

const START: BgpEvent = { type: "ManualStart" };
const up = (side: Side = "outgoing"): BgpEvent => ({ type: "TcpConnectionConfirmed", side });
const opened = (open: OpenMessage = THEM, side: Side = "outgoing"): BgpEvent => ({ type: "BGPOpen", side, open });
const keepalive = (side: Side = "outgoing"): BgpEvent => ({ type: "KeepAliveMsg", side });
const update: BgpEvent = { type: "UpdateMsg", side: "outgoing" };
const broken = (side: Side = "outgoing"): BgpEvent => ({ type: "TcpConnectionFails", side, reason: "ECONNRESET" });
const ESTABLISHED = [START, up(), opened(), keepalive()];

it("opens a session: connect, OPEN, KEEPALIVE, established", () => {
  const { state, said } = play(ESTABLISHED);
  expect(said).toEqual([
    ["start ConnectRetryTimer 120", "connect"],
    ["stop ConnectRetryTimer", "open outgoing", "start HoldTimer outgoing 240"],
    ["keepalive outgoing", "start KeepaliveTimer outgoing 30", "start HoldTimer outgoing 90"],
    ["stop ConnectRetryTimer", "start StableTimer 30", "start HoldTimer outgoing 90", "established outgoing"],
  ]);
  expect(stateName(state)).toBe("Established");
  expect(establishedSession(state)?.negotiated).toMatchObject({ peerAs: 64_513, isInternal: false, fourOctetAs: true });
});

it("goes through the states of the RFC", () => {
  const names = ESTABLISHED.map((_, index) => stateName(play(ESTABLISHED.slice(0, index + 1)).state));
  expect([stateName(INITIAL_STATE), ...names]).toEqual(["Idle", "Connect", "OpenSent", "OpenConfirm", "Established"]);
  expect(stateName(play([START, broken()]).state)).toBe("Active");
});

// RFC 4271 §8.2.2, state by state: what has to follow, and what must not.
describe.each<{
  state: string;
  before: readonly BgpEvent[];
  rows: readonly { name: string; event: BgpEvent; said: string[]; next: string }[];
}>([
  {
    state: "Idle",
    before: [],
    rows: [
      { name: "an incoming connection", event: up("incoming"), said: ["close incoming"], next: "Idle" },
      { name: "timers of earlier times", event: { type: "ConnectRetryTimer_Expires" }, said: [], next: "Idle" },
    ],
  },
  {
    state: "Connect",
    before: [START],
    rows: [
      { name: "another start", event: START, said: [], next: "Connect" },
      {
        name: "an attempt that fails",
        event: broken(),
        said: ["down: the connection failed: ECONNRESET", "start ConnectRetryTimer 1"],
        next: "Active",
      },
      {
        name: "an attempt that takes too long",
        event: { type: "ConnectRetryTimer_Expires" },
        said: ["close outgoing", "start ConnectRetryTimer 120", "connect"],
        next: "Connect",
      },
      {
        name: "a stop",
        event: { type: "ManualStop", notification: CEASE },
        said: ["close outgoing", "stop ConnectRetryTimer", "down: stopped"],
        next: "Idle",
      },
    ],
  },
  {
    state: "Active",
    before: [START, broken()],
    rows: [
      {
        name: "its timer",
        event: { type: "ConnectRetryTimer_Expires" },
        said: ["start ConnectRetryTimer 120", "connect"],
        next: "Connect",
      },
      {
        name: "an incoming connection",
        event: up("incoming"),
        said: ["open incoming", "start HoldTimer incoming 240"],
        next: "OpenSent",
      },
    ],
  },
  {
    state: "OpenSent",
    before: [START, up()],
    rows: [
      {
        name: "a KEEPALIVE: an error of the machine",
        event: keepalive(),
        said: ["notify outgoing 5/1"],
        next: "Active",
      },
      { name: "an UPDATE", event: update, said: ["notify outgoing 5/1"], next: "Active" },
      {
        name: "silence",
        event: { type: "HoldTimer_Expires", side: "outgoing" },
        said: ["notify outgoing 4/0"],
        next: "Active",
      },
      {
        name: "another AS",
        event: opened(openMessage(speaker(1, 1, 2))),
        said: ["notify outgoing 2/2"],
        next: "Active",
      },
      {
        name: "a NOTIFICATION: no answer",
        event: { type: "NotifMsg", side: "outgoing", notification: CEASE },
        said: [],
        next: "Active",
      },
      { name: "a connection that breaks", event: broken(), said: [], next: "Active" },
      {
        name: "octets that are no message",
        event: {
          type: "MessageErr",
          side: "outgoing",
          fault: { errorCode: 1, errorSubcode: 1, data: new Uint8Array(), message: "x" },
        },
        said: ["notify outgoing 1/1"],
        next: "Active",
      },
    ],
  },
  {
    state: "OpenConfirm",
    before: [START, up(), opened()],
    rows: [
      { name: "an UPDATE", event: update, said: ["notify outgoing 5/2"], next: "Active" },
      { name: "a second OPEN", event: opened(), said: ["notify outgoing 5/2"], next: "Active" },
      {
        name: "silence",
        event: { type: "HoldTimer_Expires", side: "outgoing" },
        said: ["notify outgoing 4/0"],
        next: "Active",
      },
      {
        name: "its keepalive timer",
        event: { type: "KeepaliveTimer_Expires", side: "outgoing" },
        said: ["keepalive outgoing", "start KeepaliveTimer outgoing 30"],
        next: "OpenConfirm",
      },
    ],
  },
  {
    state: "Established",
    before: ESTABLISHED,
    rows: [
      { name: "an UPDATE", event: update, said: ["start HoldTimer outgoing 90"], next: "Established" },
      { name: "a KEEPALIVE", event: keepalive(), said: ["start HoldTimer outgoing 90"], next: "Established" },
      {
        name: "a ROUTE-REFRESH",
        event: { type: "RouteRefreshMsg", side: "outgoing" },
        said: ["start HoldTimer outgoing 90"],
        next: "Established",
      },
      { name: "an OPEN", event: opened(), said: ["notify outgoing 5/3"], next: "Active" },
      {
        name: "silence",
        event: { type: "HoldTimer_Expires", side: "outgoing" },
        said: ["notify outgoing 4/0"],
        next: "Active",
      },
      { name: "BFD's word", event: { type: "BfdDown" }, said: ["notify outgoing 6/10"], next: "Active" },
      {
        name: "a stop",
        event: { type: "ManualStop", notification: CEASE },
        said: ["notify outgoing 6/2"],
        next: "Idle",
      },
    ],
  },
])("in $state", ({ state, before, rows }) => {
  it.each(rows)("$name", ({ event, said, next }) => {
    const played = play([...before, event]);
    expect(stateName(play(before).state)).toBe(state);
    const last = played.said.at(-1) ?? [];
    // What ends a connection always goes on alike, and is looked at below.
    const isEnd = before.length > 1 && (next === "Idle" || (next === "Active" && state !== "Active"));
    expect(isEnd ? last.filter((text) => text.startsWith("notify")) : last).toEqual(said);
    expect(stateName(played.state)).toBe(next);
  });
});

it("ends a connection with all that belongs to it, and says why", () => {
  const { said } = play([...ESTABLISHED, { type: "HoldTimer_Expires", side: "outgoing" }]);
  expect(said.at(-1)).toEqual([
    "notify outgoing 4/0",
    "stop HoldTimer outgoing",
    "stop KeepaliveTimer outgoing",
    "stop SendHoldTimer outgoing",
    "stop StableTimer",
    "close outgoing",
    "down: the peer was silent for the hold time",
    "start ConnectRetryTimer 0",
  ]);
});

it("waits longer with each failure, up to the limit, and begins anew after a session", () => {
  const attempt: readonly BgpEvent[] = [up(), keepalive(), { type: "ConnectRetryTimer_Expires" }];
  const { said } = play([START, ...Array.from({ length: 10 }, () => attempt).flat()]);
  const waits = said.filter((texts) => texts.some((text) => text.startsWith("down"))).map((texts) => texts.at(-1));
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120, 120].map((seconds) => `start ConnectRetryTimer ${seconds}`));
  const again = play([START, ...attempt, ...attempt, up(), opened(), keepalive(), broken()]);
  expect(again.said.at(-1)).toContain("start ConnectRetryTimer 0");
});

describe("a peer whose sessions come and go", () => {
  const session: readonly BgpEvent[] = [{ type: "ConnectRetryTimer_Expires" }, up(), opened(), keepalive()];
  const flaps = (count: number): readonly BgpEvent[] =>
    Array.from({ length: count }, () => [...session, broken()]).flat();

  it("is left alone for longer and longer, in Idle, where it may open none itself", () => {
    const events = [START, ...flaps(10)];
    const { said } = play(events);
    const waits = said.filter((texts) => texts.some((text) => text.startsWith("down"))).map((texts) => texts.at(-1));
    expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 120, 120].map((seconds) => `start ConnectRetryTimer ${seconds}`));
    const refused = play([...events, up("incoming")]);
    expect([stateName(refused.state), refused.said.at(-1)]).toEqual(["Idle", ["close incoming"]]);
    expect(stateName(play([...events, { type: "ConnectRetryTimer_Expires" }]).state).toString()).toBe("Connect");
  });

  it("is forgiven once a session has lasted", () => {
    const { said } = play([START, ...flaps(5), ...session, { type: "StableTimer_Expires" }, broken()]);
    expect(said.at(-1)).toContain("start ConnectRetryTimer 0");
    const soon = play([START, ...flaps(5), { type: "StableTimer_Expires" }, ...session, broken()]);
    expect(soon.said.at(-1)).toContain("start ConnectRetryTimer 16");
  });

  it("is left alone where only it opens connections, too", () => {
    const passive = { ...OPTIONS, passive: true };
    const incoming = [up("incoming"), opened(THEM, "incoming"), keepalive("incoming"), broken("incoming")];
    const events = [START, ...incoming, ...incoming];
    expect(play(events, passive).said.at(-1)).toContain("start ConnectRetryTimer 1");
    expect(play([...events, up("incoming")], passive).said.at(-1)).toEqual(["close incoming"]);
    const again = play([...events, { type: "ConnectRetryTimer_Expires" }, up("incoming")], passive);
    expect(stateName(again.state)).toBe("OpenSent");
  });

  it("does not put off our next attempt by connections of its own that come to nothing", () => {
    const { said } = play([START, broken(), up("incoming"), broken("incoming"), up("incoming"), broken("incoming")]);
    expect(said.flat().filter((text) => text.startsWith("start ConnectRetryTimer"))).toEqual([
      "start ConnectRetryTimer 120",
      "start ConnectRetryTimer 1",
    ]);
  });

  it("is told as lost though a connection of its own is on its way", () => {
    const { said, state } = play([...ESTABLISHED, up("incoming"), broken()]);
    expect(said.at(-1)).toContain("down: the connection failed: ECONNRESET");
    expect(stateName(state)).toBe("OpenSent");
  });
});

describe("a connection of the peer's that says nothing", () => {
  const notified: BgpEvent = { type: "NotifMsg", side: "outgoing", notification: CEASE };
  const wrong: BgpEvent = opened(openMessage(speaker(1, 1, 7)));
  const retryTimers = (said: readonly string[][]): readonly string[] =>
    said.flat().filter((text) => text.startsWith("start ConnectRetryTimer"));

  it.each<{ name: string; before: readonly BgpEvent[]; seconds: number }>([
    { name: "the session", before: [...ESTABLISHED, up("incoming"), broken()], seconds: 0 },
    { name: "ours in OpenSent", before: [START, up(), up("incoming"), notified], seconds: 1 },
    { name: "ours, which we refuse", before: [START, up(), up("incoming"), wrong], seconds: 1 },
    { name: "ours in OpenConfirm", before: [START, up(), opened(), up("incoming"), broken()], seconds: 1 },
  ])("does not keep us from the next attempt where it is left after $name", ({ before, seconds }) => {
    const { state, said } = play(before);
    expect([stateName(state), said.at(-1)?.at(-1)]).toEqual(["OpenSent", `start ConnectRetryTimer ${seconds}`]);
    const again = play([...before, { type: "ConnectRetryTimer_Expires" }, up(), opened(), keepalive()]);
    expect(establishedSession(again.state)?.side).toBe("outgoing");
    expect(again.state.connections.incoming).toBeUndefined();
  });

  it("ends without an attempt of ours where our connection is there", () => {
    const { said } = play([START, up(), up("incoming"), broken("incoming")]);
    expect(said.at(-1)?.at(-1)).toBe("close incoming");
  });

  it("neither puts off nor hastens what a peer whose sessions come and go has to wait for", () => {
    const session: readonly BgpEvent[] = [up(), opened(), keepalive(), up("incoming"), broken()];
    const flaps = Array.from({ length: 5 }, () => [{ type: "ConnectRetryTimer_Expires" } as const, ...session]);
    const { state, said } = play([START, ...flaps.flat(), broken("incoming"), up("incoming"), broken("incoming")]);
    const waits = retryTimers(said).filter((text) => text !== "start ConnectRetryTimer 120");
    expect(waits).toEqual([0, 1, 2, 4, 8].map((seconds) => `start ConnectRetryTimer ${seconds}`));
    expect(state).toMatchObject({ awaitsRetry: true, flaps: 5 });
  });

  it("is waited beside for longer and longer", () => {
    const attempt: readonly BgpEvent[] = [{ type: "ConnectRetryTimer_Expires" }, up(), notified];
    const { said } = play([START, up("incoming"), ...Array.from({ length: 4 }, () => attempt).flat()]);
    const waits = retryTimers(said).filter((text) => text !== "start ConnectRetryTimer 120");
    expect(waits).toEqual([1, 2, 4, 8].map((seconds) => `start ConnectRetryTimer ${seconds}`));
  });
});

// RFC 9687
describe("a peer that takes nothing of what is sent", () => {
  const blocked: BgpEvent = { type: "TcpSendBlocked", side: "outgoing" };
  const expired: BgpEvent = { type: "SendHoldTimer_Expires", side: "outgoing" };

  it.each([
    { hold: 90, seconds: 480 },
    { hold: 300, seconds: 600 },
  ])("has $seconds s with a hold time of $hold s, and is then left with a NOTIFICATION", ({ hold, seconds }) => {
    const [open, local] = [
      { ...THEM, holdTimeSeconds: hold },
      { ...US, holdTimeSeconds: hold },
    ];
    const { said } = play([START, up(), opened(open), keepalive(), blocked, expired], { ...OPTIONS, local });
    expect(said.at(-2)).toEqual([`start SendHoldTimer outgoing ${seconds}`]);
    expect(said.at(-1)?.[0]).toBe("notify outgoing 8/0");
    expect(said.at(-1)).toContain("stop SendHoldTimer outgoing");
  });

  it("is fine once it takes something again, and without a hold time", () => {
    const ready: BgpEvent = { type: "TcpSendReady", side: "outgoing" };
    expect(play([...ESTABLISHED, blocked, ready]).said.at(-1)).toEqual(["stop SendHoldTimer outgoing"]);
    expect(play([START, up(), opened({ ...THEM, holdTimeSeconds: 0 }), keepalive(), blocked]).said.at(-1)).toEqual([]);
  });
});

it.each<{ state: string; before: readonly BgpEvent[]; event: BgpEvent; type: number }>([
  { state: "OpenSent", before: [START, up()], event: keepalive(), type: 4 },
  { state: "OpenConfirm", before: [START, up(), opened()], event: { type: "UpdateMsg", side: "outgoing" }, type: 2 },
  { state: "Established", before: ESTABLISHED, event: opened(), type: 1 },
])("names the message that does not fit $state in the data of the NOTIFICATION", ({ before, event, type }) => {
  let state = INITIAL_STATE;
  for (const one of before) [state] = step(OPTIONS, state, one);
  const [, effects] = step(OPTIONS, state, event);
  const [data] = effects.flatMap((effect) => (effect.do === "sendNotification" ? [effect.notification.data] : []));
  expect(data).toEqual(Uint8Array.of(type)); // RFC 6608 §4
});

it("waits for the peer where it is to open the connection", () => {
  const { state, said } = play([START, up("incoming"), broken("incoming")], { ...OPTIONS, passive: true });
  expect([said[0], said.at(-1)?.at(-1), stateName(state)]).toEqual([
    [],
    "down: the connection failed: ECONNRESET",
    "Active",
  ]);
});

it("neither sends KEEPALIVEs nor minds silence with hold time 0", () => {
  const { said } = play([START, up(), opened({ ...THEM, holdTimeSeconds: 0 }), keepalive(), keepalive()]);
  expect(said.slice(2)).toEqual([
    ["keepalive outgoing", "stop HoldTimer outgoing"],
    ["stop ConnectRetryTimer", "start StableTimer 30", "established outgoing"],
    [],
  ]);
});

it.each([
  { ours: 90, theirs: 30, wanted: undefined, hold: 30, keepalive: 10 },
  { ours: 3, theirs: 90, wanted: undefined, hold: 3, keepalive: 1 },
  { ours: 90, theirs: 90, wanted: 5, hold: 90, keepalive: 5 },
  { ours: 90, theirs: 9, wanted: 30, hold: 9, keepalive: 3 },
])(
  "agrees on hold time $hold of $ours and $theirs, with a KEEPALIVE every $keepalive s",
  ({ ours, theirs, wanted, hold, keepalive: every }) => {
    const local = { ...US, holdTimeSeconds: ours, ...(wanted === undefined ? {} : { keepaliveTimeSeconds: wanted }) };
    const { state } = play([START, up(), opened({ ...THEM, holdTimeSeconds: theirs }), keepalive()], {
      ...OPTIONS,
      local,
    });
    expect(establishedSession(state)?.negotiated).toMatchObject({ holdTimeSeconds: hold, keepaliveTimeSeconds: every });
  },
);

it.each<{ name: string; local: LocalSpeaker; open: OpenMessage; answer: string }>([
  { name: "another AS", local: US, open: openMessage(speaker(64_514, 1, 2)), answer: "notify outgoing 2/2" },
  {
    name: "our AS where another is wanted",
    local: speaker(64_512, "external", 1),
    open: openMessage(speaker(64_512, 1, 2)),
    answer: "notify outgoing 2/2",
  },
  {
    name: "another AS where ours is wanted",
    local: speaker(64_512, "internal", 1),
    open: THEM,
    answer: "notify outgoing 2/2",
  },
  {
    name: "our identifier in our AS",
    local: speaker(64_512, "internal", 1),
    open: openMessage(speaker(64_512, 1, 1)),
    answer: "notify outgoing 2/3",
  },
  {
    name: "no family in common",
    local: speaker(64_512, 64_513, 1, { capabilities: [IPV6] }),
    open: openMessage(speaker(64_513, 1, 2, { capabilities: [IPV4] })),
    answer: "notify outgoing 2/7",
  },
])("refuses $name", ({ local, open, answer }) => {
  expect(play([START, up(), opened(open)], { ...OPTIONS, local }).said.at(-1)).toContain(answer);
});

it.each<{ name: string; local: LocalSpeaker; open: OpenMessage; of: object }>([
  {
    name: "any other AS where one is wanted",
    local: speaker(64_512, "external", 1),
    open: THEM,
    of: { isInternal: false, peerAs: 64_513 },
  },
  {
    name: "our AS where it is wanted",
    local: speaker(64_512, "internal", 1),
    open: openMessage(speaker(64_512, 1, 2)),
    of: { isInternal: true },
  },
  { name: "our identifier in another AS", local: US, open: openMessage(speaker(64_513, 1, 1)), of: { peerAs: 64_513 } },
  {
    name: "a long AS number",
    local: speaker(64_512, 4_200_000_000, 1),
    open: openMessage(speaker(4_200_000_000, 1, 2)),
    of: { peerAs: 4_200_000_000 },
  },
  {
    name: "a peer without capabilities",
    local: US,
    open: { ...THEM, capabilities: [] },
    of: { families: ["ipv4"], fourOctetAs: false },
  },
])("takes $name", ({ local, open, of }) => {
  const { state } = play([START, up(), opened(open), keepalive()], { ...OPTIONS, local });
  expect(establishedSession(state)?.negotiated).toMatchObject(of);
});

// RFC 4271 §6.8: the connection that is kept is the one opened by the speaker with the higher identifier.
describe("collision", () => {
  const collide = (first: Side): readonly BgpEvent[] => {
    const second = first === "outgoing" ? "incoming" : "outgoing";
    return [START, up("incoming"), up("outgoing"), opened(THEM, first), opened(THEM, second)];
  };
  it.each<{ ours: number; first: Side; closed: Side }>([
    { ours: 1, first: "outgoing", closed: "outgoing" },
    { ours: 1, first: "incoming", closed: "outgoing" },
    { ours: 9, first: "outgoing", closed: "incoming" },
    { ours: 9, first: "incoming", closed: "incoming" },
  ])("with identifier $ours against 2, $first confirmed first: $closed is closed", ({ ours, first, closed }) => {
    const { state, said } = play(collide(first), { ...OPTIONS, local: speaker(64_512, 64_513, ours) });
    expect(said.at(-1)).toContain(`notify ${closed} 6/7`);
    expect(Object.keys(state.connections)).toEqual([closed === "outgoing" ? "incoming" : "outgoing"]);
    expect(stateName(state)).toBe("OpenConfirm");
  });

  it("keeps the session that is there", () => {
    const { state, said } = play([...ESTABLISHED, up("incoming"), opened(THEM, "incoming")]);
    expect(said.at(-1)).toContain("notify incoming 6/7");
    expect(establishedSession(state)?.side).toBe("outgoing");
  });
});

/** Two speakers and the network between them: whatever the order in which things arrive, there is one session in the end. */
describe("two speakers that both open connections", () => {
  type Wire = { from: 0 | 1; connection: number; what: "syn" | "accepted" | "closed" | BgpEffect };
  it("settle on one session, the same for both", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 5, maxLength: 400 }),
        fc.integer({ min: 1, max: 3 }),
        (choices, identifier) => {
          const options: readonly PeerOptions[] = [
            { local: speaker(64_512, 64_513, identifier), passive: false, connectRetrySeconds: 4 },
            { local: speaker(64_513, 64_512, 2), passive: false, connectRetrySeconds: 4 },
          ];
          const states: [PeerState, PeerState] = [INITIAL_STATE, INITIAL_STATE];
          const sockets: [Map<number, Side>, Map<number, Side>] = [new Map(), new Map()];
          const timers: [Set<string>, Set<string>] = [new Set(), new Set()];
          const queues = new Map<string, Wire[]>(); // in order within a connection and direction
          let connections = 0;
          const post = (wire: Wire): void => {
            const key = `${wire.from} ${wire.connection}`;
            queues.set(key, [...(queues.get(key) ?? []), wire]);
          };
          const socketOf = (who: 0 | 1, side: Side): number | undefined =>
            [...sockets[who]].find(([, one]) => one === side)?.[0];
          const tell = (who: 0 | 1, event: BgpEvent): void => {
            const [next, effects] = step(options[who] ?? OPTIONS, states[who], event);
            states[who] = next;
            for (const effect of effects) perform(who, effect);
          };
          const perform = (who: 0 | 1, effect: BgpEffect): void => {
            if (effect.do === "connect") {
              connections += 1;
              sockets[who].set(connections, "outgoing");
              post({ from: who, connection: connections, what: "syn" });
            } else if (effect.do === "startTimer" && effect.timer === "ConnectRetryTimer")
              timers[who].add("ConnectRetryTimer_Expires");
            else if (effect.do === "stopTimer") timers[who].delete(`${effect.timer}_Expires`);
            else if (
              "side" in effect &&
              effect.side !== undefined &&
              effect.do !== "established" &&
              effect.do !== "startTimer"
            ) {
              const socket = socketOf(who, effect.side);
              if (socket === undefined) return;
              post({ from: who, connection: socket, what: effect.do === "close" ? "closed" : effect });
              if (effect.do === "close") sockets[who].delete(socket);
            }
          };
          const deliver = ({ from, connection, what }: Wire): void => {
            const to = from === 0 ? 1 : 0;
            if (what === "syn") {
              if (socketOf(to, "incoming") !== undefined) return post({ from: to, connection, what: "closed" });
              sockets[to].set(connection, "incoming");
              post({ from: to, connection, what: "accepted" });
              return tell(to, { type: "TcpConnectionConfirmed", side: "incoming" });
            }
            const side = sockets[to].get(connection);
            if (side === undefined) return; // closed here: what still arrives is not read
            if (what === "accepted") return tell(to, { type: "TcpConnectionConfirmed", side });
            if (what === "closed") {
              sockets[to].delete(connection);
              return tell(to, { type: "TcpConnectionFails", side, reason: "closed" });
            }
            if (what.do === "sendOpen") tell(to, { type: "BGPOpen", side, open: what.open });
            if (what.do === "sendKeepalive") tell(to, { type: "KeepAliveMsg", side });
            if (what.do === "sendNotification") tell(to, { type: "NotifMsg", side, notification: what.notification });
          };
          /** One thing that can happen now. Timers only where nothing is on its way, when `late`. */
          const act = (choice: number, late: boolean): boolean => {
            const waiting = [...queues].filter(([, wires]) => wires.length > 0);
            const due =
              waiting.length > 0 && late
                ? []
                : ([0, 1] as const).flatMap((who) => [...timers[who]].map((timer) => [who, timer] as const));
            const pick = choice % Math.max(1, waiting.length + due.length);
            const queue = waiting[pick]?.[1];
            if (queue !== undefined) {
              const wire = queue.shift();
              if (wire !== undefined) deliver(wire);
              return true;
            }
            const [who, timer] = due[pick - waiting.length] ?? [];
            if (who === undefined || timer === undefined) return false;
            timers[who].delete(timer);
            tell(who, { type: timer as "ConnectRetryTimer_Expires" });
            return true;
          };
          tell(0, START);
          tell(1, START);
          for (const choice of choices) act(choice, false);
          for (let round = 0; round < 2000; round += 1) {
            if (!act(choices[round % choices.length] ?? 0, true)) break;
          }
          expect(states.map(stateName)).toEqual(["Established", "Established"]);
          expect([sockets[0].size, sockets[1].size]).toEqual([1, 1]);
          expect([...sockets[0].keys()]).toEqual([...sockets[1].keys()]);
        },
      ),
      { numRuns: runs(300) },
    );
  });
});

it("never throws, whatever happens in whatever order, has at most one session, and no timer without its reason", () => {
  const side = fc.constantFrom<Side>("outgoing", "incoming");
  const fault = bgpFault(2, 6, [], "wrong");
  // Timers also run out long after they should have, or all at once, as they do for a machine that slept.
  const event: fc.Arbitrary<BgpEvent> = fc.oneof(
    fc.constantFrom<BgpEvent>(
      START,
      { type: "ManualStop", notification: CEASE },
      { type: "ConnectRetryTimer_Expires" },
      { type: "ConnectRetryTimer_Expires" },
      { type: "StableTimer_Expires" },
      { type: "BfdDown" },
    ),
    side.map(up),
    side.map(broken),
    fc.tuple(fc.constantFrom(THEM, THEM, openMessage(speaker(1, 1, 7))), side).map(([open, one]) => opened(open, one)),
    side.map(keepalive),
    side.map((one): BgpEvent => ({ type: "UpdateMsg", side: one })),
    side.map((one): BgpEvent => ({ type: "RouteRefreshMsg", side: one })),
    side.map((one): BgpEvent => ({ type: "MessageErr", side: one, fault })),
    side.map((one): BgpEvent => ({ type: "HoldTimer_Expires", side: one })),
    side.map((one): BgpEvent => ({ type: "KeepaliveTimer_Expires", side: one })),
    side.map((one): BgpEvent => ({ type: "SendHoldTimer_Expires", side: one })),
    side.map((one): BgpEvent => ({ type: "TcpSendBlocked", side: one })),
    side.map((one): BgpEvent => ({ type: "TcpSendReady", side: one })),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.boolean(), (events, passive) => {
      const options = { ...OPTIONS, passive };
      const timers = new Set<string>();
      let [state] = step(options, INITIAL_STATE, START);
      if (!passive) timers.add("ConnectRetryTimer");
      for (const one of events) {
        const [next, effects] = step(options, state, one);
        const phases = Object.values(next.connections).map(({ phase }) => phase);
        expect(phases.filter((phase) => phase === "Established").length).toBeLessThanOrEqual(1);
        if (next.starter === "idle" || next.starter === "damped") {
          expect([stateName(next), phases]).toEqual(["Idle", []]);
        }
        // A session that was there and is not any more is told, once.
        const ended = establishedSession(state) !== undefined && establishedSession(next) === undefined;
        expect(effects.filter((effect) => effect.do === "down" && effect.wasEstablished).length).toBe(ended ? 1 : 0);
        if (one.type.endsWith("_Expires")) timers.delete(timerKey(one.type.replace("_Expires", ""), one));
        for (const effect of effects) {
          if (effect.do === "startTimer") timers.add(timerKey(effect.timer, effect));
          if (effect.do === "stopTimer") timers.delete(timerKey(effect.timer, effect));
        }
        expect([...timers].filter((timer) => !hasReason(timer, next))).toEqual([]);
        if (next.awaitsRetry) expect([...timers]).toContain("ConnectRetryTimer");
        state = next;
      }
    }),
    { numRuns: runs(500) },
  );
});

function timerKey(timer: string, of: object): string {
  return "side" in of ? `${timer} ${String(of.side)}` : timer;
}

function hasReason(timer: string, state: PeerState): boolean {
  if (timer === "ConnectRetryTimer") return state.starter !== "idle";
  if (timer === "StableTimer") return establishedSession(state) !== undefined;
  const [, side = ""] = timer.split(" ");
  return state.connections[side as Side] !== undefined;
}
