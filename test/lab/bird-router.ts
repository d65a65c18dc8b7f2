/** BIRD as one of several makes of routers. */
import type { LanHost } from "./lab.js";
import { readBirdRoutes, startBird } from "./bird.js";
import { sortRoutes, type Router, type RouterMake, type RouterPeer, type RouterPlan } from "./router.js";

export const BIRD: RouterMake = { name: "BIRD", lacks: [], start: startBirdRouter };

export async function startBirdRouter(host: LanHost, folder: string, plan: RouterPlan): Promise<Router> {
  const { asn, routerId, peers } = plan;
  const protocols = peers.map((peer) => protocolOf(peer, asn)).join("");
  const bird = await startBird(host, folder, `router id ${routerId};\n${protocols}`);
  const remoteOf = new Map(peers.map(({ name, remote }) => [name, remote]));
  return {
    process: bird.process,
    async routes() {
      const routes = readBirdRoutes(await bird.ask("show route all"));
      return sortRoutes(
        routes.map(({ protocol, route }) => ({
          peer: remoteOf.get(protocol) ?? protocol,
          prefix: route.prefix,
          nextHop: route.nextHop,
          asPath: route.asPath,
          localPref: route.localPref,
          communities: listOf(route.communities),
          largeCommunities: listOf(route.largeCommunities),
        })),
      );
    },
    async established() {
      const sessions = await bird.sessions();
      return peers.flatMap(({ name, remote }) => (sessions[name] === "Established" ? [remote] : []));
    },
    async reset({ name }) {
      await bird.ask(`disable ${name} "maintenance of the router"`);
      await bird.ask(`enable ${name}`);
    },
    async holdTime({ name }) {
      return Number(/Hold timer:\s+[\d.]+\/(\d+)/.exec(await bird.ask(`show protocols all ${name}`))?.[1]);
    },
  };
}

/** `(64512,1) (64512, 1, 2)` as `64512:1` and `64512:1:2`. */
function listOf(text: string): readonly string[] {
  return [...text.matchAll(/\(([^)]*)\)/g)].map(([, numbers = ""]) => numbers.replaceAll(/,\s*/g, ":")).toSorted();
}

function protocolOf(peer: RouterPeer, asn: number): string {
  const on = (condition: boolean | undefined, text: string): string => (condition === true ? `  ${text};\n` : "");
  const more = peer.extendedNextHop === true ? "extended next hop on; " : "";
  const channels = peer.families.map((family) => `  ${family} { import all; export none; ${more}};\n`).join("");
  const lines = [
    on(peer.connectTo === undefined, "passive on"),
    on(peer.password !== undefined, `password "${peer.password}"`),
    on(peer.holdTimeSeconds !== undefined, `hold time ${peer.holdTimeSeconds}`),
    on(peer.multihop, "multihop 8"),
    on(peer.ttlSecurity, "ttl security on"),
    on(peer.twoOctetAs, "enable as4 off"),
  ];
  const port = peer.connectTo === undefined ? "" : ` port ${peer.connectTo}`;
  return `protocol bgp ${peer.name} {
  local ${peer.local} as ${asn};
  neighbor ${peer.remote}${port} as ${peer.remoteAs};
${lines.join("")}${channels}}
`;
}
