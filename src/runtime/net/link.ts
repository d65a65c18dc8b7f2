import type { MacAddress } from "./mac.js";

/** A network interface as the kernel describes it at one moment. `masterIndex` is that of its bridge, bond or VRF. */
export type Link = Readonly<{
  index: number;
  name: string;
  /** Undefined where the hardware address is not one of Ethernet, 6 octets. */
  mac: MacAddress | undefined;
  up: boolean;
  running: boolean;
  broadcast: boolean;
  noArp: boolean;
  loopback: boolean;
  masterIndex: number | undefined;
  /** Its master is a bond. */
  bonded: boolean;
  /** At its other end is no cable but a program of this machine: TUN or TAP, as virtual machines have it. */
  tap: boolean;
  /** There is IPv6 on it, and it is not disabled. */
  ipv6: boolean;
  forwardsIpv6: boolean;
}>;
