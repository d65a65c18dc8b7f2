import type { Link } from "../net/link.js";
import type { MacAddress } from "../net/mac.js";

/** Why an interface that exists has no responder. */
export type NoResponderReason = "down" | "enslaved" | "noArp" | "noBroadcast" | "noHardwareAddress";

/** One interface that is not excluded, and whether ARP is answered there. */
export type InterfaceChoice = Readonly<{
  index: number;
  name: string;
  mac: MacAddress | undefined;
  /** Undefined where ARP is answered there. */
  noResponder: NoResponderReason | undefined;
}>;

/**
 * Says of each interface whether ARP is answered there. An address of its own is not needed for that.
 * @param excludes what keeps an interface out altogether where it matches any part of the name
 */
export function chooseInterfaces(links: readonly Link[], excludes: readonly RegExp[]): InterfaceChoice[] {
  // A regular expression with the flags g or y remembers where it stopped, so those are taken off.
  const stateless = excludes.map(({ source, flags }) => new RegExp(source, flags.replaceAll(/[gy]/g, "")));
  return links
    .filter(({ name }) => !stateless.some((exclude) => exclude.test(name)))
    .map((link) => ({ index: link.index, name: link.name, mac: link.mac, noResponder: noResponderReason(link) }));
}

function noResponderReason({ up, masterIndex, noArp, broadcast, mac }: Link): NoResponderReason | undefined {
  if (!up) return "down";
  if (masterIndex !== undefined) return "enslaved";
  if (noArp) return "noArp";
  if (!broadcast) return "noBroadcast";
  if (mac === undefined) return "noHardwareAddress";
  return undefined;
}

/** An interface where ARP is to be answered. */
export type ResponderTarget = Readonly<{ index: number; name: string; mac: MacAddress }>;

/** What is to be done so that there are responders where the choice wants them. */
export type ResponderChanges = Readonly<{
  /** Indexes. */
  close: readonly number[];
  open: readonly ResponderTarget[];
  /** Renamed, or with another hardware address: the socket stays, it is bound to the index. */
  rename: readonly ResponderTarget[];
}>;

/** @param present the responders there are, by the index of their interface */
export function responderChanges(
  present: ReadonlyMap<number, ResponderTarget>,
  choices: readonly InterfaceChoice[],
): ResponderChanges {
  const wanted = new Map<number, ResponderTarget>();
  for (const { index, name, mac, noResponder } of choices) {
    if (noResponder === undefined && mac !== undefined) wanted.set(index, { index, name, mac });
  }
  const targets = [...wanted.values()];
  return {
    close: [...present.keys()].filter((index) => !wanted.has(index)),
    open: targets.filter(({ index }) => !present.has(index)),
    rename: targets.filter(({ index, name, mac }) => {
      const responder = present.get(index);
      return responder !== undefined && (responder.name !== name || responder.mac !== mac);
    }),
  };
}
