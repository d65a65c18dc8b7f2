import type { IpAddress } from "../net/address.js";
import { formatAddress } from "../net/address.js";
import { refuse, succeed } from "../net/result.js";
import { objectKey, type NamespaceView, type ObjectKey, type ServiceView } from "../world/views.js";
import { commonPool, createAddressBook, type AddressBook, type Note } from "./address-book.js";
import type { Allocator, AllocatorOptions } from "./allocator.js";
import { CURRENT_PREFIX, deprecatedAnnotations, type AnnotationName } from "../world/annotations.js";
import { converge, type Convergence } from "./converge.js";
import type { Decision, DecisionEvent, PoolUsage, StrandedAddress } from "./decision.js";
import { describeDisplaced, describeTakenBack } from "./messages.js";
import { createPoolSet, type AddressPool, type PoolSet } from "./pools.js";
import { readClaim, statusAddresses } from "./request.js";
import { forgetLacks } from "./search.js";
import { conflictOn, sameClaim, type AddressUse, type Claim } from "./sharing.js";
import { withheldAddresses, type AnsweredAddress, type NodeAddresses } from "./withheld.js";

/** What is remembered of the last decision about a Service, where it did not simply confirm. */
type Aftermath = Readonly<{
  /** Messages of its Events: they are raised when they are new, not each time. */
  told: readonly string[];
  /** The status that it replaced. Until another one shows itself, the decision counts and not the status. */
  superseded: string;
}>;

/** @see Allocator */
export function createAllocator({ loadBalancerClass }: AllocatorOptions): Allocator {
  const book = createAddressBook();
  const aftermaths = new Map<ObjectKey, Aftermath>(); // BOUNDED by the Services that exist, as the next two
  /** What was given and no status has shown yet. */
  const unseen = new Map<ObjectKey, readonly string[]>();
  /** Who has to give way to others before their status showed what they were given, and why. */
  const displaced = new Map<ObjectKey, DecisionEvent>();
  let disturbed: ObjectKey[] = []; // not yet told to the caller. BOUNDED by what one decision concerns
  let pools: PoolSet | undefined;
  let namespaces: readonly NamespaceView[] = []; // BOUNDED by the Namespaces that exist
  let nodes: readonly NodeAddresses[] = []; // BOUNDED by the Nodes that exist
  let answered: readonly AnsweredAddress[] = []; // BOUNDED by what the caller tells
  let vacancies = 0;

  const isOurs = (service: ServiceView): boolean => (service.loadBalancerClass ?? "") === loadBalancerClass;

  /** What a Service was given and no status has shown yet; a write that comes through nevertheless does not count. */
  const takeBack = (key: ObjectKey, message: string): void => {
    aftermaths.set(key, { told: [], superseded: book.note(key)?.texts.join() ?? "" });
    book.takeBack(key);
    unseen.delete(key);
    displaced.set(key, { type: "Normal", reason: "ClearAssignment", message });
  };

  /**
   * Somebody else's write shows `addresses` on a Service. Who was given one of them in the same moment, so that no
   * status has shown it yet, gives way: we are the one who can still take it back.
   */
  const giveWay = (key: ObjectKey, claim: Claim | undefined, addresses: readonly IpAddress[]): void => {
    for (const address of addresses) {
      const used = book.used(address);
      const text = formatAddress(address);
      for (const other of used?.claims.values() ?? []) {
        if (other.key === key || unseen.get(other.key)?.includes(text) !== true) continue;
        if (used === undefined || (claim !== undefined && !excludes(used, claim, other))) continue;
        takeBack(other.key, describeDisplaced(other.key, text, key));
        disturbed.push(other.key);
      }
    }
  };

  /**
   * A status that shows itself while others have addresses already, by the doing of another controller: what it shows is
   * taken for the Service's own unless somebody has it.
   */
  const takeUp = (service: ServiceView, key: ObjectKey): void => {
    const claim = readClaim(service, key);
    const addresses = statusAddresses(service);
    giveWay(key, claim, addresses);
    const isTaken = addresses.some((address) => {
      const used = book.used(address);
      return used !== undefined && (used.foreign.size > 0 || conflictOn(used, claim) !== undefined);
    });
    if (!isTaken) adopt(service);
  };

  const adopt = (service: ServiceView): void => {
    const key = objectKey(service);
    const addresses = service.type === "LoadBalancer" ? statusAddresses(service) : [];
    const texts = addresses.map(formatAddress);
    const added = addresses.filter((address) => book.used(address)?.foreign.has(key) !== true);
    const freed = book.remove(key);
    unseen.delete(key);
    if (!isOurs(service)) {
      giveWay(key, undefined, addresses);
      book.putForeign(key, addresses);
      for (const address of added) disturbed.push(...(book.used(address)?.claims.keys() ?? []));
    } else if (addresses.length > 0) {
      const pool = pools === undefined ? undefined : commonPool(pools, addresses);
      const claim = readClaim(service, key);
      giveWay(key, claim, addresses);
      book.put({ claim, addresses, texts, pool });
    }
    if (freed.some((text) => !texts.includes(text))) vacancies += 1;
  };

  const release = (key: ObjectKey): readonly string[] => {
    aftermaths.delete(key);
    unseen.delete(key);
    displaced.delete(key);
    const hadSomething = book.note(key) !== undefined || book.leaving(key).length > 0;
    const freed = book.remove(key);
    if (hadSomething || freed.length > 0) vacancies += 1;
    return freed;
  };

  /** The server has a status for the Service that shows just what is noted: nothing else is its own any more. */
  const settle = (key: ObjectKey): void => {
    if (book.settle(key)) vacancies += 1;
  };

  const decideLoadBalancer = (service: ServiceView, key: ObjectKey, current: PoolSet): Decision => {
    const status = statusText(service);
    const aftermath = aftermaths.get(key);
    const isNews = status !== aftermath?.superseded;
    if (isNews && book.note(key) === undefined) takeUp(service, key);
    const before = book.note(key);
    const present = statusAddresses(service);
    const presentTexts = present.map(formatAddress);
    const shown = isNews ? present : [];
    const isAnothers = presentTexts.join() !== before?.texts.join();
    if (isAnothers) giveWay(key, readClaim(service, key), shown);
    const held = [isAnothers ? shown : [], before?.addresses ?? []].filter((addresses) => addresses.length > 0);
    const converged = converge({ service, key, held, shown: present, former: book.leaving(key), pools: current, book });
    const displacement = displaced.get(key);
    const decision =
      displacement === undefined ? converged : { ...converged, events: [displacement, ...converged.events] };
    displaced.delete(key);

    const after = book.note(key);
    if (opensSomething(book, before, after)) vacancies += 1;
    const unshown = after?.texts.filter((text) => !presentTexts.includes(text)) ?? [];
    if (unshown.length > 0) unseen.set(key, unshown);
    else unseen.delete(key);
    if (presentTexts.join() === (after?.texts.join() ?? "")) settle(key);
    const events = changesService(service, decision) ? [...decision.events, ...deprecations(service)] : decision.events;
    const isConfirmed = decision.outcome === "assigned" && decision.addresses.join() === status;
    if (isConfirmed && events.length === 0) aftermaths.delete(key);
    else aftermaths.set(key, { told: events.map(({ message }) => message), superseded: isConfirmed ? "" : status });
    return { ...decision, events: events.filter(({ message }) => aftermath?.told.includes(message) !== true) };
  };

  const useWithheld = (): readonly ObjectKey[] => {
    const { opened, concerned } = book.useWithheld(withheldAddresses(nodes, answered));
    if (pools !== undefined) forgetLacks(pools.pools.values());
    for (const key of concerned) {
      const address = book.note(key)?.addresses.find((each) => {
        return book.ownerOf(each) !== undefined && unseen.get(key)?.includes(formatAddress(each)) === true;
      });
      if (address === undefined) continue;
      takeBack(key, describeTakenBack(key, formatAddress(address), book.ownerOf(address) ?? ""));
    }
    if (opened) vacancies += 1;
    return concerned;
  };

  return {
    useModel(model, { keepAssigned }) {
      const next = createPoolSet(model, namespaces);
      const stranded = keepAssigned ? findStranded(book, next) : [];
      if (stranded.length > 0) return refuse(stranded);
      pools = next;
      book.usePools(next);
      vacancies += 1;
      return succeed(undefined);
    },
    useNamespaces(views) {
      namespaces = views;
      pools?.useNamespaces(views);
      vacancies += 1;
    },
    useNodeAddresses(views) {
      nodes = views;
      return useWithheld();
    },
    useAnsweredAddresses(found) {
      answered = found;
      return useWithheld();
    },
    adopt,
    decide(service) {
      const key = objectKey(service);
      if (pools === undefined) return { outcome: "ignored", reason: "no configuration has been loaded yet" };
      if (service.type !== "LoadBalancer" && (isOurs(service) || book.note(key) !== undefined)) {
        release(key);
        const status = statusText(service);
        if (status !== "") aftermaths.set(key, { told: [], superseded: status });
        const reason = `the Service is of type ${service.type}, not LoadBalancer`;
        return { outcome: "released", reason, events: [] };
      }
      if (!isOurs(service)) {
        adopt(service);
        return { outcome: "ignored", reason: describeForeignClass(service, loadBalancerClass) };
      }
      return decideLoadBalancer(service, key, pools);
    },
    written: settle,
    observe(service) {
      const key = objectKey(service);
      const shown = statusAddresses(service).map(formatAddress);
      if (shown.join() === book.note(key)?.texts.join()) unseen.delete(key);
    },
    disturbed() {
      const keys = disturbed;
      disturbed = [];
      return keys;
    },
    release,
    assignment(key) {
      const note = book.note(key);
      return note === undefined ? undefined : { addresses: note.texts, pool: note.pool };
    },
    vacancies: () => vacancies,
    usage: () => [...(pools?.pools.values() ?? [])].map(usageOf),
  };
}

/** Can the two claims not be on one address? */
function excludes(used: AddressUse, claim: Claim, other: Claim): boolean {
  const conflict = conflictOn(used, claim);
  return conflict?.others.includes(other.key) === true;
}

/** The status as one text, to see whether it changed. */
function statusText({ ingress }: ServiceView): string {
  return ingress.map(({ ip, hostname }) => ip ?? `host name ${hostname ?? ""}`).join();
}

/** Would performing the decision write to the Service? */
function changesService(service: ServiceView, decision: Convergence): boolean {
  const [addresses, pool] = decision.outcome === "pending" ? ["", ""] : [decision.addresses.join(), decision.pool];
  const source: AnnotationName = "ip-allocated-from-pool";
  return statusText(service) !== addresses || (service.annotations[`${CURRENT_PREFIX}${source}`] ?? "") !== pool;
}

function deprecations(service: ServiceView): DecisionEvent[] {
  return deprecatedAnnotations(service).map((key) => {
    const message = `Service uses deprecated annotation ${key}`;
    return { type: "Warning", reason: "deprecatedAnnotation", message };
  });
}

/** Did a decision make something available that Services may be waiting for? What was left behind is not, yet. */
function opensSomething(book: AddressBook, before: Note | undefined, after: Note | undefined): boolean {
  if (before === after) return false;
  if (before !== undefined && after !== undefined && !sameClaim(before.claim, after.claim)) return true;
  if (after === undefined || after.claim.sharingKey === "") return false;
  const added = after.addresses.filter((_, index) => before?.texts.includes(after.texts[index] ?? "") !== true);
  return added.some((address) => book.used(address)?.claims.size === 1); // others may join it there
}

function findStranded(book: AddressBook, next: PoolSet): readonly StrandedAddress[] {
  const stranded: StrandedAddress[] = []; // BOUNDED by the addresses in use
  for (const { claim, addresses, pool } of book.notes()) {
    if (pool === undefined || commonPool(next, addresses) !== undefined) continue;
    const home = addresses.flatMap((address) => next.placeOf(address)?.pool ?? [])[0];
    for (const address of addresses) {
      if (home !== undefined && next.placeOf(address)?.pool === home) continue;
      stranded.push({ service: claim.key, address: formatAddress(address), pool });
    }
  }
  return stranded.toSorted((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0));
}

function describeForeignClass(service: ServiceView, ours: string): string {
  const theirs = service.loadBalancerClass === undefined ? "none" : JSON.stringify(service.loadBalancerClass);
  const served = ours === "" ? "Services without one" : JSON.stringify(ours);
  return `its loadBalancerClass is ${theirs}, and this controller serves ${served}`;
}

function usageOf({ name, spaces }: AddressPool): PoolUsage {
  return {
    pool: name,
    capacityIPv4: spaces.ipv4.addresses.capacity,
    capacityIPv6: spaces.ipv6.addresses.capacity,
    inUseIPv4: spaces.ipv4.addresses.takenCount,
    inUseIPv6: spaces.ipv6.addresses.takenCount,
  };
}
