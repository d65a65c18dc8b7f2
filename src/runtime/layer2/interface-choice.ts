import type { Link } from "../net/link.js";
import type { MacAddress } from "../net/mac.js";
import type { ProtocolName } from "./layer2-protocol.js";

/** Why an interface that exists has no responder. */
export type NoResponderReason = "down" | "enslaved" | "noArp" | "noBroadcast" | "noHardwareAddress";

/** Why NDP is not answered on an interface: broadcasts it does not need, IPv6 can be switched off. */
export type NoNdpReason = Exclude<NoResponderReason, "noBroadcast"> | "ipv6Disabled";

/** One interface that is not excluded, and whether ARP and NDP are answered there. */
export type InterfaceChoice = Readonly<{
  index: number;
  name: string;
  mac: MacAddress | undefined;
  /** Undefined where ARP is answered there. */
  noResponder: NoResponderReason | undefined;
  /** Undefined where NDP is answered there. */
  noNdp: NoNdpReason | undefined;
  /** IPv6 that comes in there is forwarded: a router, as neighbours are told. RFC 4861 §4.4 */
  router: boolean;
}>;

/**
 * Says of each interface whether ARP and NDP are answered there. An address of its own is not needed for that.
 * @param excludes what keeps an interface out altogether where it matches any part of the name
 */
export function chooseInterfaces(links: readonly Link[], excludes: readonly RegExp[]): InterfaceChoice[] {
  const isExcluded = exclusionOf(excludes);
  return links
    .filter(({ name }) => !isExcluded(name))
    .map((link) => ({
      index: link.index,
      name: link.name,
      mac: link.mac,
      noResponder: noResponderReason(link),
      noNdp: noNdpReason(link),
      router: link.forwardsIpv6,
    }));
}

/** Whether an interface of a name is kept out altogether. */
export function exclusionOf(excludes: readonly RegExp[]): (name: string) => boolean {
  // A regular expression with the flags g or y remembers where it stopped, so those are taken off.
  const stateless = excludes.map(({ source, flags }) => new RegExp(source, flags.replaceAll(/[gy]/g, "")));
  return (name) => stateless.some((exclude) => exclude.test(name));
}

function noResponderReason({ up, masterIndex, noArp, broadcast, mac }: Link): NoResponderReason | undefined {
  if (!up) return "down";
  if (masterIndex !== undefined) return "enslaved";
  if (noArp) return "noArp";
  if (!broadcast) return "noBroadcast";
  if (mac === undefined) return "noHardwareAddress";
  return undefined;
}

function noNdpReason(link: Link): NoNdpReason | undefined {
  const reason = noResponderReason({ ...link, broadcast: true });
  if (reason !== undefined && reason !== "noBroadcast") return reason;
  return link.ipv6 ? undefined : "ipv6Disabled";
}

/** An interface where a protocol is to answer. `router` changes only what NDP says. */
export type ResponderTarget = Readonly<{ index: number; name: string; mac: MacAddress; router: boolean }>;

/** Where a protocol is to answer. */
export function responderTargets(protocol: ProtocolName, choices: readonly InterfaceChoice[]): ResponderTarget[] {
  return choices.flatMap(({ index, name, mac, noResponder, noNdp, router }) => {
    const reason = protocol === "ARP" ? noResponder : noNdp;
    if (reason !== undefined || mac === undefined) return [];
    return [{ index, name, mac, router: protocol === "NDP" && router }];
  });
}

/** What is to be done so that there are responders where the choice wants them. */
export type ResponderChanges = Readonly<{
  /** Indexes. */
  close: readonly number[];
  open: readonly ResponderTarget[];
  /** Renamed, with another hardware address, or a router now or no more: the socket stays, it is bound to the index. */
  rename: readonly ResponderTarget[];
}>;

/** @param present the responders there are, by the index of their interface */
export function responderChanges(
  present: ReadonlyMap<number, ResponderTarget>,
  targets: readonly ResponderTarget[],
): ResponderChanges {
  const wanted = new Set(targets.map(({ index }) => index));
  return {
    close: [...present.keys()].filter((index) => !wanted.has(index)),
    open: targets.filter(({ index }) => !present.has(index)),
    rename: targets.filter(({ index, name, mac, router }) => {
      const responder = present.get(index);
      if (responder === undefined) return false;
      return responder.name !== name || responder.mac !== mac || responder.router !== router;
    }),
  };
}
