import { createHash } from "node:crypto";
import { formatAddress } from "../runtime/net/address.js";
import { canonicalText } from "./canonical.js";
import { isObjectName } from "./label-selector.js";
import type { UnnamedPeer } from "./legacy-peers.js";
import { compareTexts } from "./place.js";

/** What pools and BFD profiles are called of whose names nothing can stay. */
export const POOL_NAME = "pool";
export const PROFILE_NAME = "profile";

const MAX_NAME = 200; // leaves room for a suffix within the 253 characters of an object's name

/** The closest name that an object can have: the text itself where that is one, else as much of it as can stay. */
export function legalName(text: string, otherwise: string): string {
  if (isObjectName(text)) return text;
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/-*\.[.-]*/g, ".")
    .slice(0, MAX_NAME)
    .replaceAll(/^[.-]+|[.-]+$/g, "");
  return isObjectName(plain) ? plain : otherwise;
}

/** Eight digits that stand for a text: the same everywhere, and different for different texts but for bad luck. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/**
 * Legal and unique names for texts that may be neither. A text that is a legal name keeps it; of the others the first
 * suffix that is free is derived from the text, so that the names do not depend on the order.
 * @param taken names that are not to be given
 */
export function uniqueLegalNames(
  texts: readonly string[],
  otherwise: string,
  taken: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const { isFree, give } = createNameGiver(taken);
  for (const text of texts) if (isObjectName(text) && isFree(text)) names.set(text, give(text));
  const others = texts.filter((text) => !names.has(text)).toSorted(compareTexts);
  const wanted = new Map<string, number>();
  for (const text of others) {
    const plain = legalName(text, otherwise);
    wanted.set(plain, (wanted.get(plain) ?? 0) + 1);
  }
  for (const text of others) {
    const plain = legalName(text, otherwise);
    const isAlone = wanted.get(plain) === 1 && isFree(plain);
    names.set(text, give(isAlone ? plain : suffixedName(plain, shortHash(text))));
  }
  return names;
}

/** A name with a suffix, cut so that the whole can be the name of an object. */
export function suffixedName(name: string, suffix: string): string {
  return `${name.slice(0, MAX_NAME).replace(/[.-]+$/, "")}-${suffix}`;
}

/** Gives each name once: the name that is wished for, or with the next number behind it where that is taken. */
export function createNameGiver(
  taken: ReadonlySet<string>,
): Readonly<{ isFree(name: string): boolean; give(name: string): string }> {
  const used = new Set(taken); // BOUNDED by the names that are given
  const lastNumbers = new Map<string, number>();
  const give = (wish: string): string => {
    let name = wish;
    for (let number = lastNumbers.get(wish) ?? 1; used.has(name);) {
      number += 1;
      name = `${wish}-${number}`;
      lastNumbers.set(wish, number);
    }
    used.add(name);
    return name;
  };
  return { isFree: (name) => !used.has(name), give };
}

/**
 * Names for the peers of a legacy document, which gives them none: `peer-10-0-0-1`, with the port where it is not
 * 179. Peers that would be called the same get the host name that they are selected by, or eight digits of what they
 * say. The names come from the peers alone, not from their order.
 * @param taken names of BGPPeer resources beside them
 * @param profiles names of all BFD profiles of the document: the peers count as referring to what these become as
 *   resources, so that conversion and its inverse change no peer's name
 * @returns the name of each peer, by index
 */
export function namePeers(
  peers: readonly UnnamedPeer[],
  taken: ReadonlySet<string> = new Set(),
  profiles: readonly string[] = [],
): string[] {
  const profileNames = uniqueLegalNames(profiles, PROFILE_NAME);
  const groups = new Map<string, number[]>();
  for (const [index, peer] of peers.entries()) {
    const name = baseName(peer);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [index]);
    else group.push(index);
  }
  const { isFree, give } = createNameGiver(taken);
  const names = peers.map(() => "");
  // Names without a suffix are given first, so that none of them depends on the suffixes of others.
  const crowded: (readonly [string, readonly number[]])[] = [];
  for (const [name, group] of [...groups].toSorted(([a], [b]) => compareTexts(a, b))) {
    const [only] = group;
    if (group.length === 1 && only !== undefined && isFree(name)) {
      names[only] = give(name);
    } else {
      crowded.push([name, group]);
    }
  }
  for (const [name, group] of crowded) {
    const hosts = group.map((index) => hostOf(peers[index]));
    const hostsDiffer = hosts.every((host) => host !== undefined) && new Set(hosts).size === hosts.length;
    const wishes = group.map((index, position) => ({
      index,
      wish: `${name}-${hostsDiffer ? hosts[position] : shortHash(textOf(peers[index], profileNames))}`,
      password: peers[index]?.password?.reveal() ?? "", // the hash leaves it out, so that the name says nothing of it
    }));
    for (const { index, wish } of wishes.toSorted(
      (a, b) => compareTexts(a.wish, b.wish) || compareTexts(a.password, b.password),
    )) {
      names[index] = give(wish);
    }
  }
  return names;
}

function textOf(peer: UnnamedPeer | undefined, profileNames: ReadonlyMap<string, string>): string {
  const { bfdProfile } = peer ?? {};
  if (bfdProfile === undefined) return canonicalText(peer);
  return canonicalText({ ...peer, bfdProfile: profileNames.get(bfdProfile) ?? bfdProfile });
}

/**
 * Names for peers that are each for the Node of one host name: `peer-10-0-0-1-worker-0`, always with the host, so that a
 * further Node changes no name. Names that would be the same get eight digits of what the peers say.
 * @param taken names of BGPPeers beside them
 */
export function nameHostPeers(peers: readonly UnnamedPeer[], taken: ReadonlySet<string>): string[] {
  const wishes = peers.map((peer) => `${baseName(peer)}-${hostOf(peer) ?? "node"}`);
  const counts = new Map<string, number>();
  for (const wish of wishes) counts.set(wish, (counts.get(wish) ?? 0) + 1);
  const { isFree, give } = createNameGiver(taken);
  return peers.map((peer, index) => {
    const wish = wishes[index] ?? "";
    const isAlone = counts.get(wish) === 1 && isFree(wish);
    return give(isAlone ? wish : `${wish}-${shortHash(canonicalText(peer))}`);
  });
}

function baseName({ address, port, vrf }: UnnamedPeer): string {
  const text = address === undefined ? "" : formatAddress(address);
  const parts = ["peer", text.replaceAll(/[.:]/g, "-").replace(/-+$/, "")];
  if (port !== 179) parts.push("port", String(port));
  if (vrf !== "") parts.push("vrf", legalName(vrf, shortHash(vrf)));
  return parts.join("-");
}

/** The one host name that a peer's nodes are selected by, in a form that can be part of a name. */
function hostOf(peer: UnnamedPeer | undefined): string | undefined {
  const [selector, ...others] = peer?.nodeSelectors ?? [];
  if (selector === undefined || others.length > 0 || selector.matchExpressions.length > 0) return undefined;
  const [label, ...labels] = selector.matchLabels;
  if (label === undefined || labels.length > 0 || label[0] !== "kubernetes.io/hostname") return undefined;
  const host = legalName(label[1], "").replaceAll(".", "-");
  return host === "" ? undefined : host;
}
