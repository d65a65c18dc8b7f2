/** Which machine has which address: the same number in IPv4, IPv6 and MAC address, so that a capture reads easily. */

export type AddressPlan = Readonly<{
  /** The LAN's prefix lengths, e.g. 16 and 64. */
  ipv4Length: number;
  ipv6Length: number;
  ipv4: (number: number) => string;
  ipv6: (number: number) => string;
  mac: (number: number) => string;
}>;

/** The numbers that are given out by the lab itself; a caller's own hosts take 4 to 10, or any that is free. */
export const NUMBER = { router: 1, controlPlane: 2, client: 3, firstNode: 11 } as const;

/**
 * @param lanIPv4 e.g. "192.168.1.0/24", of 8 to 24 bits
 * @param lanIPv6 e.g. "fd77::/64": ends with "::", of 32 to 112 bits
 */
export function planAddresses(lanIPv4: string, lanIPv6: string): AddressPlan {
  const [, network = "", bits4 = ""] = /^(\d+\.\d+\.\d+)\.0\/(\d+)$/.exec(lanIPv4) ?? [];
  const [, prefix = "", bits6 = ""] = /^([\da-f:]+::)\/(\d+)$/i.exec(lanIPv6) ?? [];
  if (network === "" || Number(bits4) < 8 || Number(bits4) > 24) {
    throw new Error(`Cannot plan the lab: lanIPv4 is ${lanIPv4}: write it like 192.168.1.0/24, with 8 to 24 bits`);
  }
  if (prefix === "" || Number(bits6) < 32 || Number(bits6) > 112) {
    throw new Error(`Cannot plan the lab: lanIPv6 is ${lanIPv6}: write it like fd77::/64, with 32 to 112 bits`);
  }
  return {
    ipv4Length: Number(bits4),
    ipv6Length: Number(bits6),
    ipv4: (number) => `${network}.${number}`,
    ipv6: (number) => `${prefix}${number}`, // the decimal digits as they are: n1 is .11 and ::11
    mac: (number) => `02:4c:41:42:${digits(Math.floor(number / 100))}:${digits(number % 100)}`, // 4c:41:42 is LAB
  };
}

const digits = (value: number): string => `${value}`.padStart(2, "0");

/** The network of the pods of a node, routed between the nodes. */
export const podNetwork = (node: number) =>
  ({
    ipv4: `10.244.${node}.0/24`,
    ipv6: `fd00:10:244:${node}::/64`,
    gateway4: `10.244.${node}.1`,
    gateway6: `fd00:10:244:${node}::1`,
    address4: (pod: number) => `10.244.${node}.${pod}`,
    address6: (pod: number) => `fd00:10:244:${node}::${pod}`,
  }) as const;
