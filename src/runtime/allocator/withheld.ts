import { formatAddress, parseAddress } from "../net/address.js";
import type { NodeView } from "../world/views.js";
import type { Withheld } from "./address-book.js";

/** What of a Node matters here: the addresses that are its own. */
export type NodeAddresses = Pick<NodeView, "name" | "internalIPs" | "externalIPs">;

/** An address that a machine answers for which is no speaker of ours; `machine` names it, for instance by its MAC. */
export type AnsweredAddress = Readonly<{ address: string; machine: string }>;

/**
 * The addresses that are not to be given out, by canonical text. Of an address that two have, the first counts: Nodes
 * by name, then other machines. What is no address is passed over. BOUNDED by what is passed in.
 */
export function withheldAddresses(
  nodes: readonly NodeAddresses[],
  answered: readonly AnsweredAddress[],
): ReadonlyMap<string, Withheld> {
  const withheld = new Map<string, Withheld>();
  const withhold = (text: string, owner: string): void => {
    const address = parseAddress(text);
    if (address === undefined) return;
    const canonical = formatAddress(address);
    if (!withheld.has(canonical)) withheld.set(canonical, { address, owner });
  };
  for (const { name, internalIPs, externalIPs = [] } of nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const text of [...internalIPs, ...externalIPs]) withhold(text, `an address of node ${name}`);
  }
  const byAddress = (a: AnsweredAddress, b: AnsweredAddress): number =>
    a.address === b.address ? (a.machine < b.machine ? -1 : 1) : a.address < b.address ? -1 : 1;
  for (const { address, machine } of answered.toSorted(byAddress)) {
    withhold(address, `answered for by another machine on the network (${machine})`);
  }
  return withheld;
}
