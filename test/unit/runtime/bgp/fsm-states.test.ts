import { describe, expect, it } from "vitest";
import { step } from "../../../../src/runtime/bgp/fsm.js";
import {
  INITIAL_STATE,
  stateName,
  type BgpEffect,
  type BgpEvent,
  type PeerState,
} from "../../../../src/runtime/bgp/fsm-types.js";
import type { OpenMessage } from "../../../../src/runtime/bgp/open.js";

/* What holds in several states of RFC 4271 §8.2.2, each looked at by itself. */

const address = (value: bigint) => ({ family: "ipv4", value }) as const;
const LOCAL = {
  asn: 64_512,
  peerAs: 64_513,
  bgpIdentifier: address(1n),
  holdTimeSeconds: 90,
  capabilities: [],
} as const;
const OPTIONS = { local: LOCAL, passive: false, connectRetrySeconds: 120 };
const THEIRS: OpenMessage = { myAs: 64_513, holdTimeSeconds: 90, bgpIdentifier: address(2n), capabilities: [] };
const CEASE = { errorCode: 6, errorSubcode: 2, data: new Uint8Array() };

const side = "outgoing";
const START: BgpEvent = { type: "ManualStart" };
const UP: BgpEvent = { type: "TcpConnectionConfirmed", side };
const OPEN: BgpEvent = { type: "BGPOpen", side, open: THEIRS };
const KEEPALIVE: BgpEvent = { type: "KeepAliveMsg", side };
const BROKEN: BgpEvent = { type: "TcpConnectionFails", side, reason: "ECONNRESET" };

type Row = Readonly<{ state: string; before: readonly BgpEvent[]; hasConnection: boolean; isTrying: boolean }>;
const STATES: readonly Row[] = [
  { state: "Idle", before: [], hasConnection: false, isTrying: false },
  { state: "Connect", before: [START], hasConnection: false, isTrying: true },
  { state: "Active", before: [START, BROKEN], hasConnection: false, isTrying: false },
  { state: "OpenSent", before: [START, UP], hasConnection: true, isTrying: false },
  { state: "OpenConfirm", before: [START, UP, OPEN], hasConnection: true, isTrying: false },
  { state: "Established", before: [START, UP, OPEN, KEEPALIVE], hasConnection: true, isTrying: false },
];

function play(events: readonly BgpEvent[]): readonly [PeerState, readonly BgpEffect[]] {
  let state = INITIAL_STATE;
  let effects: readonly BgpEffect[] = [];
  for (const event of events) [state, effects] = step(OPTIONS, state, event);
  return [state, effects];
}

const notifications = (effects: readonly BgpEffect[]): readonly string[] =>
  effects.flatMap((effect) =>
    effect.do === "sendNotification" ? [`${effect.notification.errorCode}/${effect.notification.errorSubcode}`] : [],
  );

describe.each(STATES)("in $state", ({ state, before, hasConnection, isTrying }) => {
  it("is where the events lead", () => {
    expect(stateName(play(before)[0])).toBe(state);
  });

  it("a start is ignored once there was one", () => {
    const [given] = play(before);
    const [next, effects] = step(OPTIONS, given, START);
    if (state === "Idle")
      expect([stateName(next), effects.some((effect) => effect.do === "connect")]).toEqual(["Connect", true]);
    else expect([next, effects]).toEqual([given, []]);
  });

  it("a stop leads to Idle, with a Cease where there is a connection, and forgets failures", () => {
    const [next, effects] = play([...before, { type: "ManualStop", notification: CEASE }]);
    expect(next).toEqual(INITIAL_STATE);
    expect(notifications(effects)).toEqual(hasConnection ? ["6/2"] : []);
    expect(effects.some((effect) => effect.do === "close")).toBe(hasConnection || isTrying);
    const stopped = effects.flatMap((effect) => (effect.do === "stopTimer" ? [effect.timer] : []));
    if (state === "Idle") expect(effects).toEqual([]);
    else expect(stopped).toContain("ConnectRetryTimer");
    if (hasConnection) expect(stopped).toEqual(expect.arrayContaining(["HoldTimer", "KeepaliveTimer"]));
  });

  it.each<{ name: string; event: BgpEvent }>([
    { name: "a connection that fails", event: BROKEN },
    { name: "a NOTIFICATION", event: { type: "NotifMsg", side, notification: CEASE } },
    {
      name: "a NOTIFICATION about the version",
      event: { type: "NotifMsg", side, notification: { errorCode: 2, errorSubcode: 1, data: Uint8Array.of(0, 4) } },
    },
  ])("$name is not answered", ({ event }) => {
    const [given] = play(before);
    const [next, effects] = step(OPTIONS, given, event);
    expect(notifications(effects)).toEqual([]);
    if (hasConnection) {
      expect([stateName(next), next.connections]).toEqual(["Active", {}]);
      expect(effects).toContainEqual({ do: "close", side });
      expect(effects.some((effect) => effect.do === "startTimer" && effect.timer === "ConnectRetryTimer")).toBe(true);
    }
    if (state === "Idle") expect([next, effects]).toEqual([given, []]);
  });

  it.each<{ name: string; errorCode: number; errorSubcode: number }>([
    { name: "header", errorCode: 1, errorSubcode: 2 },
    { name: "OPEN", errorCode: 2, errorSubcode: 4 },
    { name: "UPDATE", errorCode: 3, errorSubcode: 1 },
  ])("an error in the $name is told, by its own code and never by a Cease", ({ name, errorCode, errorSubcode }) => {
    const fault = { errorCode, errorSubcode, data: Uint8Array.of(1), message: "wrong" };
    const [given] = play(before);
    const [next, effects] = step(OPTIONS, given, { type: "MessageErr", side, fault });
    // In Established an OPEN is one too many, whatever it says.
    const told = name === "OPEN" && state === "Established" ? "5/3" : `${errorCode}/${errorSubcode}`;
    expect(notifications(effects)).toEqual(hasConnection ? [told] : []);
    if (!hasConnection) expect([next, effects]).toEqual([given, []]);
    else expect([stateName(next), next.connections]).toEqual(["Active", {}]);
  });

  it("KEEPALIVEs go on from OpenConfirm on, each starts the timer for the next", () => {
    const [given] = play(before);
    const [next, effects] = step(OPTIONS, given, { type: "KeepaliveTimer_Expires", side });
    const goesOn = state === "OpenConfirm" || state === "Established";
    expect(next).toEqual(given);
    expect(effects).toEqual(
      goesOn
        ? [
            { do: "sendKeepalive", side },
            { do: "startTimer", timer: "KeepaliveTimer", side, seconds: 30, jitter: true },
          ]
        : [],
    );
  });
});
