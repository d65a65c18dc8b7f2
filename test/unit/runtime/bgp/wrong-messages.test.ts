import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { nameNotification } from "../../../../src/runtime/bgp/notification.js";
import { createBgpPeer, type BgpPeer, type PeerAction } from "../../../../src/runtime/bgp/peer.js";
import { createDice, seedOfRun, type Dice } from "../../../bgp/dice.js";
import { openOf } from "../../../bgp/played-peer.js";
import { message, TYPE } from "../../../bgp/wire-update.js";
import type { Answer, WrongMessage } from "../../../bgp/wrong-message.js";
import { wrongConfirmation, wrongMessage, wrongOpen } from "../../../bgp/wrong-messages.js";
import { OUR_AS, THEIR_AS } from "../../../bgp/wrong-opens.js";
import { runs } from "../../runs.js";
import { toHex } from "./hex.js";

/*
 * One speaker hears messages with one thing wrong in them, and answers as the RFCs have it; what was changed at random it
 * survives. It is the same speaker all the time, so what it would keep of them is seen, too.
 */

type Phase = "OpenSent" | "OpenConfirm" | "Established";
type Subject = Readonly<{ peer: BgpPeer; isInternal: boolean }>;

const CAPABILITIES: readonly Capability[] = [
  { kind: "multiprotocol", afi: 1, safi: 1 },
  { kind: "multiprotocol", afi: 2, safi: 1 },
  { kind: "routeRefresh" },
  { kind: "enhancedRouteRefresh" },
  { kind: "fourOctetAs", asn: OUR_AS },
];
const KEEPALIVE = message(TYPE.keepalive, []);
const RIGHT_OPENS = [THEIR_AS, OUR_AS].map((asn) => openOf(asn, 90));

function begin(isInternal: boolean): Subject {
  const peer = createBgpPeer({
    local: {
      asn: OUR_AS,
      peerAs: isInternal ? OUR_AS : THEIR_AS,
      bgpIdentifier: { family: "ipv4", value: 0x0a00_0001n },
      holdTimeSeconds: 90,
      capabilities: CAPABILITIES,
    },
    passive: false,
    connectRetrySeconds: 120,
  });
  const attributes = { localPref: 0, communities: [], largeCommunities: [], prepend: 0 };
  peer.routes.announce({ family: "ipv4", value: 0xc000_0201n, length: 32 }, attributes);
  peer.start();
  return { peer, isInternal };
}

/** Brings the speaker to a phase, from wherever it is. */
function bring({ peer, isInternal }: Subject, phase: Phase): void {
  if (peer.state() === phase) return;
  if (peer.state() !== "Connect") {
    peer.disconnected("outgoing", "the test has closed it");
    peer.expired("ConnectRetryTimer");
  }
  peer.connected("outgoing");
  if (phase === "OpenSent") return;
  peer.received("outgoing", RIGHT_OPENS[Number(isInternal)] ?? new Uint8Array());
  if (phase === "Established") peer.received("outgoing", KEEPALIVE);
  if (peer.state() !== phase) throw new Error(`the speaker is in ${peer.state()}, not in ${phase}`);
}

/** What it did, in words that can be compared. */
function hear({ peer, isInternal }: Subject, { octets, answer }: WrongMessage, dice: Dice): string {
  const actions: PeerAction[] = [];
  for (let at = 0; at < octets.length;) {
    const end = dice.oneIn(4) ? dice.between(at + 1, octets.length) : octets.length;
    actions.push(...peer.received("outgoing", octets.subarray(at, end)));
    at = end;
  }
  if (peer.state() === "Established") peer.takeUpdates(1000, { ipv4: [{ family: "ipv4", value: 0x0a00_0001n }] });
  const closes = actions.filter(({ do: what }) => what === "close").length;
  const downs = actions.filter(({ do: what }) => what === "down").length;
  const [spoken, ...more] = actions.flatMap((action) =>
    action.do === "write" && action.octets[18] === TYPE.notification ? [action.octets] : [],
  );
  if (more.length > 0 || closes > 1 || downs !== closes || (spoken !== undefined && closes === 0)) {
    return `it ends ${downs} times, closes ${closes} connections and sends ${more.length + 1} NOTIFICATIONs`;
  }
  if (spoken !== undefined) return notificationIn(spoken);
  if (closes > 0) return "end";
  const reports = actions.filter(({ do: what }) => what === "report").length;
  if (reports === 0 || answer.kind === "any") return "fine";
  const decoded = decodeUpdate(octets.subarray(19), { fourOctetAs: true, isInternal });
  if (decoded.kind === "treatAsWithdraw") return `treatAsWithdraw ${decoded.withdrawnRoutes.length}`;
  return decoded.kind === "update" ? "attributeDiscard" : "sessionReset";
}

/** As it is on the wire; one that the registry does not have is none. */
function notificationIn(octets: Uint8Array): string {
  const [errorCode = 0, errorSubcode = 0, ...data] = octets.subarray(19);
  if (/error code|subcode/.test(nameNotification({ errorCode, errorSubcode }))) return "a NOTIFICATION that is none";
  return `notification ${errorCode}/${errorSubcode} ${toHex(Uint8Array.from(data))}`;
}

function inWords(answer: Answer): string {
  if (answer.kind === "notification") return `notification ${answer.code}/${answer.subcode} ${toHex(answer.data)}`;
  return answer.kind === "treatAsWithdraw" ? `treatAsWithdraw ${answer.routes}` : answer.kind;
}

function makeFor(phase: Phase, dice: Dice, isInternal: boolean): WrongMessage {
  if (phase === "OpenSent") return wrongOpen(dice, isInternal, true);
  return phase === "OpenConfirm" ? wrongConfirmation(dice, isInternal) : wrongMessage(dice, isInternal, true);
}

const heapMiB = (): number => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

it("answers each message that is wrong in one thing as the RFCs have it, survives all others, and keeps nothing", () => {
  const seed = seedOfRun();
  const dice = createDice(seed);
  const subjects = [begin(false), begin(true)];
  const wrong: string[] = [];
  const names = new Set<string>();
  const count = runs(1) > 1 ? runs(20_000) : 4_000; // a million in make soak
  let heapBefore = Infinity;
  for (let index = 0; index < count && wrong.length < 5; index += 1) {
    if (index === Math.floor(count / 4)) heapBefore = heapMiB();
    const subject = dice.pick(subjects);
    const phase = dice.pick<Phase>(["Established", "Established", "Established", "OpenSent", "OpenConfirm"]);
    bring(subject, phase);
    const made = makeFor(phase, dice, subject.isInternal);
    names.add(made.name);
    let done: string;
    try {
      done = hear(subject, made, dice);
    } catch (error) {
      done = `it throws ${String(error)}`;
    }
    const isRight = made.answer.kind === "any" ? /^(fine|end|notification)/.test(done) : done === inWords(made.answer);
    if (!isRight) {
      const told = `${done}, not ${inWords(made.answer)}`;
      wrong.push(`${made.name} (SMELTER_SEED=${seed}, message ${index}): ${told}: ${toHex(made.octets)}`);
    }
    // Of one that was shaken octets may wait for more: the next one is to begin anew.
    if (made.answer.kind === "any") subject.peer.disconnected("outgoing", "the test has closed it");
  }
  expect(wrong).toEqual([]);
  expect(names.size).toBeGreaterThan(80);
  expect(heapMiB() - heapBefore).toBeLessThan(8);
});
