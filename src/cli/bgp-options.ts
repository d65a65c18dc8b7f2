import type { Options } from "yargs";
import type { BgpOptions } from "../runtime/speaker-node.js";

/** How a speaker speaks BGP; the original only opens sessions. */
export const bgpOptions = {
  "bgp-listen": {
    type: "number",
    describe: "Port at which routers may open BGP sessions; without it they are opened from here alone",
    requiresArg: true,
  },
  "bgp-ttl-security": {
    type: "boolean",
    default: false,
    describe:
      "Take nothing from BGP peers that are more than one hop away, but from those with ebgpMultiHop (RFC 5082)",
  },
} as const satisfies Record<string, Options>;

/** @throws Error with a remedy where the port is none */
export function bgpOptionsOf(args: Readonly<Record<string, unknown>>): BgpOptions {
  const port = args["bgpListen"] as number | undefined;
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw new Error(`Cannot use --bgp-listen: it is ${port}, not a port: write 1 to 65535`);
  }
  return {
    ...(port === undefined ? {} : { bgpListen: port }),
    bgpTtlSecurity: args["bgpTtlSecurity"] as boolean,
  };
}
