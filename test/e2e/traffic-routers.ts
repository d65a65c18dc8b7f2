/** Routers that spread flows over the nodes whose speakers announce a route to them; each waits for sessions and speaks BFD. */
import { startBird, type Bird } from "../lab/bird.js";
import { startFrrBfd, type FrrBfd } from "../lab/frr-bfd.js";
import type { Lab, LabProcess, LanHost } from "../lab/index.js";
import { startResilientRoutes } from "../lab/resilient-routes.js";

/** What the router does with the routes that it hears. */
export type Forwarding = Readonly<{
  processes: readonly LabProcess[];
  /** Where its kernel forwards what is for an address, sorted. */
  hops: (to: string) => Promise<readonly string[]>;
  stop: () => Promise<void>;
}>;

/** So many intervals of 300 ms of silence are a lost path. */
export const PATIENCE = 10;
const TABLE = 100; // what BIRD writes; the router forwards by what follows it

/** BIRD on the router, and a kernel that spreads resiliently over the IPv4 routes that BIRD writes. */
export async function forwardByBird(
  lab: Lab,
  forwarding: readonly LanHost[],
  password?: string,
): Promise<Forwarding & Readonly<{ bird: Bird }>> {
  const key = password === undefined ? "" : `password "${password}"; `;
  const protocols = forwarding.map(
    ({ name, ipv4 }) => `protocol bgp ${name} {
  local ${lab.router.ipv4} as 64513; neighbor ${ipv4} as 64512; passive on; bfd on; error wait time 1,1; ${key}
  ipv4 { import all; export none; };
}\n`,
  );
  const bird = await startBird(
    lab.router,
    lab.folder,
    `router id ${lab.router.ipv4};
protocol bfd { interface "eth0" { interval 300 ms; multiplier ${PATIENCE}; }; }
protocol kernel { kernel table ${TABLE}; merge paths on; ipv4 { import none; export all; }; }
${protocols.join("")}`,
  );
  const routes = await startResilientRoutes(lab.router, TABLE);
  return {
    bird,
    processes: [bird.process],
    hops: (to) => Promise.resolve(routes.gateways().get(to) ?? []),
    async stop() {
      await bird.process.terminate(); // takes its routes out of the kernel
      await routes.stop();
    },
  };
}

/** FRR on the router, which writes its routes into the kernel by itself. */
export async function forwardByFrr(
  lab: Lab,
  forwarding: readonly LanHost[],
): Promise<Forwarding & Readonly<{ frr: FrrBfd }>> {
  const neighbors = forwarding.flatMap(({ ipv4 }) =>
    ["remote-as 64512", "passive", "timers connect 1", "bfd", "bfd profile fast"].map(
      (text) => ` neighbor ${ipv4} ${text}\n`,
    ),
  );
  const times = `  transmit-interval 300\n  receive-interval 300\n  detect-multiplier ${PATIENCE}\n`;
  const frr = await startFrrBfd(lab.router, lab.folder, {
    bfd: `bfd\n profile fast\n${times} exit\n !\n!\n`,
    bgp: `router bgp 64513
 bgp router-id ${lab.router.ipv4}
 no bgp ebgp-requires-policy
${neighbors.join("")}
 address-family ipv4 unicast
  maximum-paths 8
 exit-address-family
 !
 address-family ipv6 unicast
  maximum-paths 8
${forwarding.map(({ ipv4 }) => `  neighbor ${ipv4} activate\n`).join("")} exit-address-family
`,
  });
  return {
    frr,
    processes: [frr.bgpd, frr.bfdd],
    async hops(to) {
      const prefix = to.includes(":") ? ["-6", `${to}/128`] : ["-4", `${to}/32`];
      const [family = "", exact = ""] = prefix;
      const text = await lab.router.exec(["ip", family, "-j", "route", "show", "exact", exact]);
      const [route] = JSON.parse(text || "[]") as { gateway?: string; nexthops?: { gateway?: string }[] }[];
      return (route?.nexthops ?? [route]).flatMap((hop) => hop?.gateway ?? []).toSorted();
    },
    async stop() {
      await frr.kill();
      for (const family of ["-4", "-6"]) await lab.router.attempt(["ip", family, "route", "flush", "proto", "bgp"]);
    },
  };
}
