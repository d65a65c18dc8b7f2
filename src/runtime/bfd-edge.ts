import { networkInterfaces } from "node:os";
import { parsePrefix, prefixOf, type IpAddress } from "./net/address.js";
import { createBfdClient } from "./speaker/bfd-client.js";
import type { BfdPeersPorts } from "./speaker/bfd-peers.js";

/** Where a bundle keeps the entry of the worker thread: beside the file that runs. */
const WORKER_URL = new URL("./bfd-worker.js", import.meta.url);

/** What the BFD sessions of BGP peers need of this machine. */
export const bfdPorts: Pick<BfdPeersPorts, "startBfd" | "isOnLink"> = {
  startBfd: (handlers) => createBfdClient({ workerUrl: WORKER_URL, ...handlers }),
  isOnLink,
};

function isOnLink(address: IpAddress): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.some(({ cidr }) => {
    const network = parsePrefix(cidr ?? "");
    if (!network.ok || network.value.family !== address.family) return false;
    return prefixOf(address, network.value.length).value === network.value.value;
  });
}
