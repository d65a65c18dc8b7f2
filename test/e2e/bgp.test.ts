import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startBird, type Bird } from "../lab/bird.js";
import { createLab, until, type Lab, type LanHost } from "../lab/index.js";
import { beginWorld, nodeManifest as node, serviceManifest as service, type BgpWorld } from "./bgp-world.js";

/*
 * Speakers on manifests, and a BIRD on the router: what it holds is read from it.
 */

let lab: Lab;
let world: BgpWorld | undefined;
let bird: Bird;

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
});
afterAll(() => lab.close());
afterEach(async () => {
  await Promise.all([bird.process.kill(), world?.end()]);
});

const configMap = (config: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: metallb-system}
data:
  config: |
${config.trim().replaceAll(/^/gm, "    ")}
`;

const neighbor = (
  name: string,
  host: LanHost,
  options: string,
  channels = "ipv4 { import all; export none; };",
): string =>
  `protocol bgp ${name} {\n  local ${lab.router.ipv4} as 64513;\n  neighbor ${host.ipv4} as 64512;\n  passive on;\n${options}\n  ${channels}\n}\n`;

/** A world of manifests, the controller that allocates in it, and BIRD with these protocols. */
async function begin(name: string, manifests: Readonly<Record<string, string>>, protocols: string): Promise<BgpWorld> {
  const folder = join(lab.folder, `bird-${name}`);
  await mkdir(folder);
  bird = await startBird(lab.router, folder, `router id ${lab.router.ipv4};\n${protocols}`);
  return (world = await beginWorld(lab, name, manifests));
}

const nextHops = async (prefix: string): Promise<readonly string[]> =>
  (await bird.routes()).filter((route) => route.prefix === prefix).map(({ nextHop }) => nextHop);

const POOL = `
address-pools:
- name: front
  protocol: bgp
  addresses: [198.51.100.0/24]
  bgp-advertisements:
  - {communities: ["64512:7"], localpref: 150}
`;

it("announces a Service from every node with its attributes, follows it, and says goodbye", async () => {
  const [n1, n2] = [lab.node("n1"), lab.node("n2")];
  const peers = `peers:\n- {my-asn: 64512, peer-asn: 64513, peer-address: ${lab.router.ipv4}, hold-time: 3s}\n`;
  const manifests = {
    config: configMap(peers + POOL),
    nodes: `${node(n1)}---${node(n2)}`,
    web: service("web", "198.51.100.9"),
  };
  const { change, startSpeaker } = await begin("announce", manifests, neighbor("n1", n1, "") + neighbor("n2", n2, ""));
  const speakers = [startSpeaker(n1), startSpeaker(n2)];
  const expected = [n1, n2].map(({ ipv4 }) => ({
    prefix: "198.51.100.9/32",
    nextHop: ipv4,
    asPath: "64512",
    localPref: 100, // BIRD's own: ours is for peers in our AS only
    communities: "(64512,7)",
    largeCommunities: "",
  }));
  await until(async () => (await bird.routes()).length === 2, { what: "both routes" });
  expect(await bird.routes()).toEqual(expected);
  expect(await bird.sessions()).toEqual({ n1: "Established", n2: "Established" });

  await change("web", service("web", "198.51.100.10"));
  await until(async () => (await nextHops("198.51.100.10/32")).length === 2, { what: "the new address" });
  await until(async () => (await nextHops("198.51.100.9/32")).length === 0, { what: "the old one to be withdrawn" });

  const since = bird.process.mark();
  speakers[0]?.signal("SIGTERM");
  await bird.process.waitForOutput(/n1: Received: Administrative shutdown/i, { since });
  await until(async () => (await nextHops("198.51.100.10/32")).join() === n2.ipv4, { what: "its routes to be gone" });
  expect(await speakers[0]?.ended).toMatchObject({ code: 0 });
});

it("speaks IPv6, within an AS, with an MD5 password and several communities", async () => {
  const n1 = lab.node("n1");
  const channels = "ipv6 { import all; export none; };";
  const protocol = `protocol bgp six {\n  local ${lab.router.ipv6} as 64512;\n  neighbor ${n1.ipv6} as 64512;\n  passive on;\n  password "s3cret";\n  ${channels}\n}\n`;
  const config = `
peers:
- {my-asn: 64512, peer-asn: 64512, peer-address: "${lab.router.ipv6}", password: s3cret}
bgp-communities: {blackhole: "65535:666"}
address-pools:
- name: six
  protocol: bgp
  addresses: ["2001:db8:7::/64"]
  bgp-advertisements:
  - {aggregation-length-v6: 128, localpref: 321, communities: [blackhole, "64512:1"]}
  - {aggregation-length-v6: 64}
`;
  const { startSpeaker } = await begin(
    "six",
    { config: configMap(config), nodes: node(n1), web: service("web", "2001:db8:7::1") },
    protocol,
  );
  startSpeaker(n1);
  await until(async () => (await bird.routes()).length === 2, { what: "both prefixes" });
  const common = { nextHop: n1.ipv6, asPath: "", largeCommunities: "" };
  expect(await bird.routes()).toEqual([
    { ...common, prefix: "2001:db8:7::/64", localPref: 0, communities: "" },
    { ...common, prefix: "2001:db8:7::1/128", localPref: 321, communities: "(64512,1) (65535,666)" },
  ]);
});

it("says what keeps a session from coming up, and leaves the others alone", async () => {
  const n1 = lab.node("n1");
  const peers = (password: string): string => `
peers:
- {my-asn: 64512, peer-asn: 64513, peer-address: ${lab.router.ipv4}}
- {my-asn: 64512, peer-asn: 64513, peer-address: ${lab.client.ipv4}, password: "${password}"}
`;
  const manifests = { config: configMap(peers("") + POOL), nodes: node(n1), web: service("web", "198.51.100.9") };
  const { change, startSpeaker } = await begin("trouble", manifests, neighbor("n1", n1, ""));
  const speaker = startSpeaker(n1);
  await speaker.waitForOutput(/sessionUp/);
  await speaker.waitForOutput(/sessionFailed.*ECONNREFUSED.*start the peer's BGP/);
  const since = speaker.mark();
  const before = (await bird.ask("show protocols n1")).split("\n").at(-2);
  expect(before).toMatch(/Established/);
  await change("config", configMap(peers("secret-of-the-second") + POOL));
  await speaker.waitForOutput(/configLoaded/, { since });
  await speaker.waitForOutput(/sessionEnded/, { since }); // the second begins anew
  expect((await bird.ask("show protocols n1")).split("\n").at(-2)).toBe(before); // up since the same moment
  expect(await nextHops("198.51.100.9/32")).toEqual([n1.ipv4]);
  expect(speaker.output()).not.toContain("secret-of-the-second");
});

it("follows the peers that its Node is annotated with", async () => {
  const n1 = lab.node("n1");
  const config = `
peer-autodiscovery:
  defaults: {my-asn: 64512, peer-asn: 64513}
  from-annotations:
  - {peer-address: example.com/router}
${POOL}`;
  const { change, startSpeaker } = await begin(
    "discovered",
    { config: configMap(config), nodes: node(n1), web: service("web", "198.51.100.9") },
    neighbor("n1", n1, ""),
  );
  const speaker = startSpeaker(n1);
  await speaker.waitForOutput(/peerNotDiscovered/);
  expect(await bird.routes()).toEqual([]);
  await change("nodes", node(n1, `{example.com/router: "${lab.router.ipv4}"}`));
  await until(async () => (await nextHops("198.51.100.9/32")).length === 1, { what: "the route" });
  await change("nodes", node(n1));
  await until(async () => (await nextHops("198.51.100.9/32")).length === 0, { what: "the session to end" });
  expect(bird.process.output()).toMatch(/Peer de-configured/i);
});
