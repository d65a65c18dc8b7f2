import { drop, type Turn } from "./effects.js";
import { memberAt } from "./heartbeats.js";
import { encodeMessage, type PushedMember } from "./messages.js";
import { nextRandom, pickRandom } from "./random.js";
import { hearDead, selfAlive } from "./rumours.js";
import { sendAlone } from "./spreading.js";
import { isLive, type Endpoint, type Member, type MembershipState } from "./state.js";
import { encodeWatchMessage, type Question, type Verdict } from "./watch-messages.js";
import { WATCH } from "./watch-parameters.js";
import type { OwnQuestion } from "./watch-state.js";
import { hearSign, listenToAllAnew } from "./watching.js";

/*
 * Who stood still or was cut off may have been found dead meanwhile, and its addresses given to others. So it asks those who watch
 * it, who made the verdict if there is one, and answers for nothing until it knows. Those that it found dead itself meanwhile are
 * waited for: they live if it was cut off, and what it took over is theirs.
 */

/** Between two exchanges with a member that cannot be asked otherwise, in rounds. */
const EXCHANGE_ROUNDS = 8;

/**
 * Begins to ask, anew where it does so already: an answer to an earlier question was given before the last stall.
 * @param unsureMilliseconds undefined: it was found dead itself, and is unsure since that began
 * @param ranOn it did not stand still: what was asked before is still listened to, and whoever asks often waits no longer for that
 */
export function askAboutSelf(turn: Turn, unsureMilliseconds: number | undefined, ranOn = false): void {
  const { state, now } = turn;
  const { watch } = state;
  if (unsureMilliseconds !== undefined) listenToAllAnew(turn);
  const wasSureAt = unsureMilliseconds === undefined ? cutOffAt(state, now) : now - unsureMilliseconds;
  const since = Math.min(wasSureAt, watch.question?.since ?? now);
  const wasDead = unsureMilliseconds === undefined || watch.question?.wasDead === true;
  const nonce = Math.floor(nextRandom(state.random) * 0x1_0000_0000);
  const before = ranOn || unsureMilliseconds === undefined ? watch.question : undefined;
  const begunAt = before?.begunAt ?? now;
  const askedAt = before !== undefined && now - begunAt >= WATCH.nobodyMilliseconds ? before.askedAt : now;
  watch.question = { nonce, askedAt, begunAt, since, nextRoundAt: now, wasDead, alive: new Set(), rounds: 0 };
  continueQuestion(turn);
}

/** The next round, when it is time for it. */
export function continueQuestion(turn: Turn): void {
  const { state, now } = turn;
  const { question, lost } = state.watch;
  if (question === undefined || question.nextRoundAt > now) return;
  const asked = now - question.askedAt;
  const waits =
    (asked < WATCH.nobodyMilliseconds && missesOthers(turn, question)) ||
    (asked < WATCH.mostSilenceMilliseconds && missesWatchers(turn, question));
  if (question.alive.size > 0 && !waits) return end(turn, question);
  const isRecent = ({ since }: { since: number }): boolean => question.since - since <= WATCH.recentMilliseconds;
  const others = state.order.filter((member) => member !== state.self);
  const isAsked = (member: Member): boolean =>
    isLive(member) || (member.state === "dead" && !lost.has(member.name) && isRecent({ since: member.stateSince }));
  if (!others.some(isLive)) {
    const hadOthers = [...lost.values()].some(isRecent) || others.some(({ stateSince: since }) => isRecent({ since }));
    if (!hadOthers || asked >= WATCH.nobodyMilliseconds) return end(turn, question, "alone");
  } else if (question.alive.size === 0 && asked >= WATCH.questionMilliseconds) return end(turn, question, "unanswered");
  ask(turn, question, [...lost.values()].filter(isRecent), others.filter(isAsked));
  question.rounds += 1;
  question.nextRoundAt = now + WATCH.beatMilliseconds;
}

/**
 * Whether one of those who watch this member has not said yet that it lives: from that word on he listens to it anew, and finds it
 * dead for no silence of before. One who is dead himself is known to be so when the longest silence is over.
 */
function missesWatchers({ state }: Turn, { alive }: OwnQuestion): boolean {
  return state.watch.watchers.some((key) => {
    const member = memberAt(state, key);
    return member !== undefined && isLive(member) && !alive.has(member.name);
  });
}

/** Whether somebody is still dead here who was alive when this member was sure of itself last. */
function missesOthers({ state: { watch } }: Turn, question: OwnQuestion): boolean {
  for (const { since } of watch.lost.values()) if (since >= question.since) return true;
  return false;
}

/**
 * Since when this member may have been cut off, now that it was found dead. Its accuser was lost here, too: since about then, with
 * whoever was lost at that time. The accuser was alive here all along: since now, whoever else may be dead. Where neither is known,
 * since the first loss.
 */
function cutOffAt({ members, watch: { lost, accuser } }: MembershipState, now: number): number {
  const by = accuser === undefined ? undefined : members.get(accuser);
  const loss = by === undefined ? undefined : lost.get(by.name);
  if (loss !== undefined) return loss.since - 2 * WATCH.mostSilenceMilliseconds;
  // Who is alive since a moment ago may have been lost before.
  if (by !== undefined && isLive(by) && now - by.stateSince > WATCH.nobodyMilliseconds) return now;
  let first = now;
  for (const { since } of lost.values()) first = Math.min(first, since);
  return first;
}

function ask(
  turn: Turn,
  question: OwnQuestion,
  lost: readonly { name: string; endpoint: Endpoint }[],
  others: readonly Member[],
): void {
  const { state, effects } = turn;
  const { watch, random } = state;
  const { nonce, rounds } = question;
  const watchers = watch.watchers.flatMap((key) => memberAt(state, key) ?? []);
  const octets = questionOf(turn, nonce);
  for (const { name, endpoint } of [...watchers, ...pickRandom(random, lost, WATCH.asked)]) {
    sendAlone(turn, endpoint, state.members.get(name), octets);
  }
  if (watchers.length > 0 || rounds % EXCHANGE_ROUNDS !== 0) return;
  // Members of the releases do not know the question, but they say what they know of everybody.
  const [other] = pickRandom(random, others, 1);
  if (other === undefined) return;
  effects.push({ do: "pushPull", to: other.endpoint, nonce });
}

function questionOf({ state: { self } }: Turn, nonce: number): Uint8Array {
  return encodeWatchMessage({ kind: "question", incarnation: self.incarnation, nonce, from: self.name });
}

/** Another one stood still, and asks what it is taken for. */
export function hearQuestion(turn: Turn, { nonce, from }: Question, to: Endpoint): void {
  const { self, members, watch } = turn.state;
  const [member, lost] = [members.get(from), watch.lost.get(from)];
  if (member === self) return drop(turn, "stale");
  if (member !== undefined && isLive(member)) hearSign(turn, from);
  const state = member?.state ?? (lost === undefined ? "unknown" : "dead");
  const incarnation = member?.incarnation ?? lost?.incarnation ?? 0;
  sendAlone(turn, to, member, encodeWatchMessage({ kind: "verdict", incarnation, nonce, from: self.name, state }));
}

export function hearVerdict(turn: Turn, { nonce, from, state, incarnation }: Verdict): void {
  const { question } = turn.state.watch;
  if (question === undefined || question.nonce !== nonce) return drop(turn, "answerUnknown");
  learn(turn, question, from, state);
  if (turn.state.watch.question !== question || state === "alive" || state === "suspect") return;
  protest(turn, from, state, incarnation);
}

/** All that another one knows came, as it was asked for. */
export function hearExchange(turn: Turn, members: readonly PushedMember[], nonce: number | undefined): void {
  const { self, watch } = turn.state;
  const { question } = watch;
  if (nonce === undefined || question === undefined || question.nonce !== nonce) return;
  const said = members.find(({ node }) => node === self.name);
  // Whoever does not know this member has just been told of it.
  learn(turn, question, "", said?.state ?? "unknown");
}

function learn(turn: Turn, question: OwnQuestion, from: string, state: Verdict["state"]): void {
  if (state === "alive" || state === "suspect") {
    question.alive.add(from);
    if (!missesWatchers(turn, question) && !missesOthers(turn, question)) end(turn, question);
  } else question.wasDead = true;
}

/** Where it is dead to another one it says that it lives, and asks again. */
function protest(turn: Turn, to: string, state: Verdict["state"], incarnation: number): void {
  const { self, members, watch } = turn.state;
  if (state !== "unknown" && incarnation >= self.incarnation) {
    hearDead(turn, { type: "dead", incarnation, node: self.name, from: to });
  }
  const member = members.get(to) ?? watch.lost.get(to);
  const { question } = watch;
  if (member === undefined || question === undefined) return;
  sendAlone(turn, member.endpoint, undefined, encodeMessage(selfAlive(turn)), questionOf(turn, question.nonce));
}

function end({ state, effects }: Turn, question: OwnQuestion, without?: "alone" | "unanswered"): void {
  const { watch } = state;
  watch.question = undefined;
  // What came while it stood still was read before it asked: it may have protested already.
  const ownership = without ?? (question.wasDead || watch.refutedAt >= question.since ? "returned" : "alive");
  effects.push({ do: "owned", ownership });
}
