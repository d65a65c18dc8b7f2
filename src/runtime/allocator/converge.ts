import type { IpAddress } from "../net/address.js";
import { formatAddress, sameAddress } from "../net/address.js";
import type { ObjectKey, ServiceView } from "../world/views.js";
import type { AddressBook } from "./address-book.js";
import { checkAddresses } from "./check.js";
import type { Decision, DecisionEvent, PoolRefusal } from "./decision.js";
import { MAX_EVENT_OCTETS, fitMessage, octetsOf, quoteList } from "./messages.js";
import type { PoolSet } from "./pools.js";
import { familiesOf, familyName, readRequestedAddresses, readWish, type Wish } from "./request.js";
import { findAddresses, lackOf, lowestIn } from "./search.js";
import { sameClaim } from "./sharing.js";

/** One Service that is to have addresses, and all that its decision depends on. */
export type Situation = Readonly<{
  service: ServiceView;
  key: ObjectKey;
  /** Sets of addresses that it has: what counts most first. None is empty. */
  held: readonly (readonly IpAddress[])[];
  /** What its status shows: only there may it stay in a conflict. */
  shown: readonly IpAddress[];
  /** What it may come back to before all others, as nobody else had it meanwhile; may be empty. */
  former: readonly IpAddress[];
  pools: PoolSet;
  /** Is changed: what is decided is noted in it. */
  book: AddressBook;
}>;

export type Convergence = Extract<Decision, { outcome: "assigned" | "pending" | "kept" }>;

/** Addresses that the Service has and may keep. */
type Standing = Readonly<{ addresses: readonly IpAddress[]; pool: string; conflicts: readonly string[] }>;

/**
 * Decides what a Service of type LoadBalancer is to have. What it has and may have stays; what it may not have is
 * given back first; what it asks for and cannot get leaves it with what it has. Events are not yet compared with those
 * of the decision before.
 */
export function converge(situation: Situation): Convergence {
  const { service, key, held, pools } = situation;
  if (pools.pools.size === 0) return giveUp(situation, "no address pool is configured: configure one");
  if (service.clusterIPs.length === 0) {
    return giveUp(situation, "the Service has no clusterIP: leave spec.clusterIP to the API server");
  }
  if (service.ipFamilyPolicy === "RequireDualStack" && service.clusterIPs.length < 2) {
    const why = "ipFamilyPolicy is RequireDualStack and there is only one clusterIP: use a dual-stack cluster";
    return giveUp(situation, `${why}, or ask for PreferDualStack`, [], [], "not enough clusterips");
  }
  const families = familiesOf(service.clusterIPs);
  if (families === undefined) {
    const why = `clusterIPs are ${quoteList(service.clusterIPs)}, not one address or one of each family`;
    if (held[0] === undefined) return giveUp(situation, `${why}: leave spec.clusterIPs to the API server`);
    return leaveAsItIs(situation, held[0], warning("noclusterIPsIPFamily", `Cannot tell the family of ${key}: ${why}`));
  }

  const events: DecisionEvent[] = [];
  const wish = readWish(service, key, families);
  const { standing = comeBack(situation, wish), problem } = findStanding(situation, wish, events);
  const requested = readRequestedAddresses(service, families);
  if (standing === undefined) {
    const decision = requested.ok
      ? assignAnew(situation, wish, requested.value, events)
      : giveUp(situation, requested.fault, [], events);
    return problem === undefined ? decision : { ...decision, reason: `${decision.reason}; had to go: ${problem}` };
  }
  for (const conflict of standing.conflicts) events.push(warning("AddressConflict", conflict));
  if (!requested.ok) {
    const message = `invalid requested loadbalancer IPs: ${requested.fault}`;
    return hold(situation, wish, standing, [...events, warning("LoadBalancerFailed", message)], message, []);
  }
  const wrongPool = wish.pool !== undefined && wish.pool !== standing.pool;
  const wrongAddresses = requested.value !== undefined && !sameSet(requested.value, standing.addresses);
  if (wrongPool || wrongAddresses) return move(situation, wish, requested.value, standing, events);
  if (standing.addresses.length < families.length) return addFamily(situation, wish, standing, events);
  return confirm(situation, wish, standing, events);
}

/** The first of the held sets that the Service may keep, less what is of no family that it has; or why it may keep none. */
function findStanding(
  situation: Situation,
  wish: Wish,
  events: DecisionEvent[],
): Readonly<{ standing?: Standing; problem?: string }> {
  const { key, held, shown, pools, book } = situation;
  let problem: string | undefined;
  for (const addresses of held) {
    const quoted = quoteList(addresses.map(formatAddress));
    // In the order of the status, whose first address decides who announces.
    const kept = addresses.filter(({ family }, index) => {
      return wish.families.includes(family) && addresses.findIndex((other) => other.family === family) === index;
    });
    if (new Set(addresses.map(({ family }) => family)).size < addresses.length) {
      const message = `status of ${JSON.stringify(key)} has ${quoted}, more than one address of a family`;
      events.push(warning("nolbIPsIPFamily", message));
    }
    if (kept.length === 0) {
      problem ??= `${quoted} is not of the family of its clusterIPs (${wish.families.map(familyName).join(", ")})`;
      continue;
    }
    const checked = checkAddresses(wish, kept, { pools, book, stands: shown });
    if (checked.ok) {
      const dropped = addresses.filter((address) => !kept.includes(address)).map(formatAddress);
      if (dropped.length > 0) {
        const message = `${quoteList(dropped)} of ${JSON.stringify(key)} given back, it needs one address per family`;
        events.push(normal("ClearAssignment", message));
      }
      return { standing: { addresses: kept, pool: checked.value.pool.name, conflicts: checked.value.conflicts } };
    }
    problem ??= checked.fault;
  }
  if (problem === undefined) return {};
  const what = `current IP for ${JSON.stringify(key)} not allowed by config`;
  events.push(normal("ClearAssignment", `${what}, will attempt for new IP assignment: ${problem}`));
  return { problem };
}

/** What it had until now and whose end no status has shown yet: nobody else can have it. */
function comeBack({ former, pools, book }: Situation, wish: Wish): Standing | undefined {
  const suits = former.every(({ family }) => wish.families.includes(family));
  if (former.length === 0 || !suits || new Set(former.map(({ family }) => family)).size < former.length)
    return undefined;
  const checked = checkAddresses(wish, former, { pools, book, stands: [] });
  if (!checked.ok || checked.value.conflicts.length > 0) return undefined;
  return { addresses: former, pool: checked.value.pool.name, conflicts: [] };
}

function assignAnew(
  situation: Situation,
  wish: Wish,
  requested: readonly IpAddress[] | undefined,
  events: readonly DecisionEvent[],
): Convergence {
  const { pools, book, key, shown } = situation;
  const found = findAddresses(wish, requested, {
    pools,
    book,
    stands: shown,
    octets: MAX_EVENT_OCTETS - octetsOf(failureOf(key, "")),
  });
  if (!found.ok) return giveUp(situation, found.fault.reason, found.fault.refusals, events);
  const { addresses, pool, reason, refusals } = found.value;
  const texts = note(situation, wish, { addresses, pool });
  const partial = addresses.length < wish.families.length;
  const all = [...events, normal("IPAllocated", `Assigned IP ${quoteList(texts)}`)];
  return { outcome: "assigned", addresses: texts, pool, partial, reason, events: all, refusals };
}

/** Gives the Service other addresses, because it asks for them; without them it stays where it is. */
function move(
  situation: Situation,
  wish: Wish,
  requested: readonly IpAddress[] | undefined,
  standing: Standing,
  events: readonly DecisionEvent[],
): Convergence {
  const decision = assignAnew(situation, wish, requested, events);
  if (decision.outcome === "assigned") {
    const former = quoteList(standing.addresses.map(formatAddress));
    return { ...decision, reason: `${decision.reason}; ${former} given up for what the Service asks for` };
  }
  return hold(situation, wish, standing, decision.events, decision.reason, decision.refusals);
}

/** A Service of two families has an address of one: the other has to come from the same pool. */
function addFamily(
  situation: Situation,
  wish: Wish,
  standing: Standing,
  events: readonly DecisionEvent[],
): Convergence {
  const pool = situation.pools.pools.get(standing.pool);
  const family = wish.families.find((each) => standing.addresses[0]?.family !== each);
  if (pool === undefined || family === undefined) return confirm(situation, wish, standing, events);
  const additional = lowestIn(pool, family, wish.claim);
  if (additional !== undefined) {
    const grown = { ...standing, addresses: [...standing.addresses, additional] };
    const addresses = note(situation, wish, grown);
    const message = `Assigned additional IP ${JSON.stringify(formatAddress(additional))}`;
    const reason = `an address of the other family in pool ${JSON.stringify(pool.name)} came to the one it had`;
    const all = [...events, normal("IPAllocated", message)];
    return { outcome: "assigned", addresses, pool: pool.name, partial: false, reason, events: all, refusals: [] };
  }
  if (!wish.eitherFamily) return move(situation, wish, undefined, standing, events);
  const lack = lackOf(pool, wish, standing.addresses[0]);
  const problem = `no available IPs in pool ${JSON.stringify(pool.name)}: ${lack.reason}: add addresses to the pool`;
  const failed = normal("AdditionalAssignFailed", `cannot assign additional IP in PreferDualStack: ${problem}`);
  return { ...confirm(situation, wish, standing, [...events, failed]), partial: true, refusals: [lack] };
}

function confirm(
  situation: Situation,
  wish: Wish,
  standing: Standing,
  events: readonly DecisionEvent[],
): Extract<Decision, { outcome: "assigned" }> {
  const addresses = note(situation, wish, standing);
  const { pool, conflicts } = standing;
  const reason = conflicts[0] ?? `keeps what it has, pool ${JSON.stringify(pool)} allows it`;
  return { outcome: "assigned", addresses, pool, partial: false, reason, events, refusals: [] };
}

/** The Service keeps what it has, as what it asks for cannot be had. */
function hold(
  situation: Situation,
  wish: Wish,
  standing: Standing,
  events: readonly DecisionEvent[],
  reason: string,
  refusals: readonly PoolRefusal[],
): Convergence {
  const addresses = note(situation, wish, standing);
  return { outcome: "kept", addresses, pool: standing.pool, reason, events, refusals };
}

/** Nothing can be said about the Service: what is in its status stays, and what is noted. */
function leaveAsItIs({ book, key }: Situation, held: readonly IpAddress[], event: DecisionEvent): Convergence {
  const addresses = held.map(formatAddress);
  const pool = book.note(key)?.pool ?? "";
  return { outcome: "kept", addresses, pool, reason: event.message, events: [event], refusals: [] };
}

/** The Service has nothing and gets nothing now. */
function giveUp(
  { book, key }: Situation,
  reason: string,
  refusals: readonly PoolRefusal[] = [],
  events: readonly DecisionEvent[] = [],
  eventReason = "AllocationFailed",
): Convergence {
  book.vacate(key);
  const failed = warning(eventReason, failureOf(key, reason));
  return { outcome: "pending", reason, events: [...events, failed], refusals };
}

/** Notes what the Service has from now on. @returns the addresses as texts */
function note(
  { book, key }: Situation,
  { claim }: Wish,
  { addresses, pool }: Pick<Standing, "addresses" | "pool">,
): readonly string[] {
  const noted = book.note(key);
  if (noted?.pool === pool && sameClaim(noted.claim, claim) && sameList(noted.addresses, addresses)) return noted.texts;
  const texts = addresses.map(formatAddress);
  book.put({ claim, addresses, texts, pool });
  return texts;
}

function sameList(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return a.length === b.length && a.every((address, index) => isSame(address, b[index]));
}

function sameSet(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return a.length === b.length && a.every((address) => b.some((other) => sameAddress(address, other)));
}

function isSame(address: IpAddress, other: IpAddress | undefined): boolean {
  return other !== undefined && sameAddress(address, other);
}

const failureOf = (key: ObjectKey, reason: string): string =>
  `Failed to allocate IP for ${JSON.stringify(key)}: ${reason}`;
const normal = (reason: string, text: string): DecisionEvent => ({ type: "Normal", reason, message: fitMessage(text) });
const warning = (reason: string, text: string): DecisionEvent => ({
  type: "Warning",
  reason,
  message: fitMessage(text),
});
