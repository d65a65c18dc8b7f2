import { expect, it } from "vitest";
import { createAdjRibOut, type AnnouncedAttributes } from "#bgp-ts";
import type { BgpRoute } from "../../../../src/runtime/announce/decision.js";
import { formatPrefix } from "../../../../src/runtime/net/address.js";
import { createBgpRouteTable, type BgpRouteTable } from "../../../../src/runtime/speaker/bgp-route-table.js";

const route = (prefix: string, fields: Partial<BgpRoute> = {}): BgpRoute => ({
  prefix,
  localPref: 0,
  communities: [],
  peers: ["tor-a"],
  ...fields,
});

function attach(table: BgpRouteTable, peer: string): () => readonly string[] {
  const rib = createAdjRibOut<AnnouncedAttributes>();
  table.attach(peer, rib);
  return () => {
    table.settle();
    const { announced, withdrawn } = rib.take(100);
    return [
      ...withdrawn.ipv4.map((prefix) => `-${formatPrefix(prefix)}`),
      ...announced.map(({ prefixes, attributes: { localPref, communities, largeCommunities } }) =>
        [
          `+${prefixes.map(formatPrefix).join()}`,
          localPref,
          ...communities,
          ...largeCommunities.map((one) => one.join(":")),
        ].join(" "),
      ),
    ];
  };
}

it("tells each peer of the routes that name it, and of nothing twice", () => {
  const table = createBgpRouteTable();
  const [a, b] = [attach(table, "tor-a"), attach(table, "tor-b")];
  table.setRoutes("ns/web", [route("192.0.2.1/32", { peers: ["tor-a", "tor-b"] }), route("192.0.2.0/24")]);
  expect([a(), b()]).toEqual([["+192.0.2.1/32,192.0.2.0/24 0"], ["+192.0.2.1/32 0"]]);
  table.setRoutes("ns/web", [route("192.0.2.1/32", { peers: ["tor-a", "tor-b"] }), route("192.0.2.0/24")]);
  expect([a(), b()]).toEqual([[], []]);
  table.setRoutes("ns/web", [route("192.0.2.1/32", { peers: ["tor-b"] })]);
  expect([a(), b()]).toEqual([["-192.0.2.1/32", "-192.0.2.0/24"], []]);
  table.setRoutes("ns/web", []);
  expect([a(), b()]).toEqual([[], ["-192.0.2.1/32"]]);
});

it("tells a peer that comes later of everything, and one that left of nothing", () => {
  const table = createBgpRouteTable();
  table.setRoutes("ns/web", [route("192.0.2.1/32")]);
  const early = attach(table, "tor-a");
  expect(early()).toEqual(["+192.0.2.1/32 0"]);
  table.detach("tor-a");
  table.setRoutes("ns/web", []);
  expect(early()).toEqual([]);
  expect(attach(table, "tor-a")()).toEqual([]);
});

it("keeps a prefix while one of several Services is behind it, with the communities of all and the first's preference", () => {
  const table = createBgpRouteTable();
  const a = attach(table, "tor-a");
  table.setRoutes("ns/b", [route("192.0.2.0/24", { localPref: 200, communities: ["64512:2"] })]);
  expect(a()).toEqual([`+192.0.2.0/24 200 ${64512 * 65536 + 2}`]);
  table.setRoutes("ns/a", [route("192.0.2.0/24", { localPref: 100, communities: ["64512:1", "large:64512:1:2"] })]);
  expect(a()).toEqual([`+192.0.2.0/24 100 ${64512 * 65536 + 1} ${64512 * 65536 + 2} 64512:1:2`]);
  table.setRoutes("ns/a", []);
  expect(a()).toEqual([`+192.0.2.0/24 200 ${64512 * 65536 + 2}`]);
  table.setRoutes("ns/b", []);
  expect(a()).toEqual(["-192.0.2.0/24"]);
});

it("forgets a Service's former part in a prefix that it shares, whatever peers and attributes it had", () => {
  const table = createBgpRouteTable();
  const [a, b] = [attach(table, "tor-a"), attach(table, "tor-b")];
  const both = ["tor-a", "tor-b"];
  table.setRoutes("ns/a", [route("192.0.2.0/24", { localPref: 100, peers: ["tor-a"] })]);
  table.setRoutes("ns/b", [route("192.0.2.0/24", { localPref: 200, peers: both })]);
  expect([a(), b()]).toEqual([["+192.0.2.0/24 100"], ["+192.0.2.0/24 200"]]); // to each the first that names it
  table.setRoutes("ns/a", [route("192.0.2.0/24", { localPref: 300, peers: both })]);
  expect([a(), b()]).toEqual([["+192.0.2.0/24 300"], ["+192.0.2.0/24 300"]]);
  table.setRoutes("ns/a", []);
  table.setRoutes("ns/a", [route("192.0.2.0/24", { localPref: 300, peers: both })]);
  expect([a(), b()]).toEqual([[], []]); // taken back before anyone was told
  table.clear();
  expect([a(), b()]).toEqual([["-192.0.2.0/24"], ["-192.0.2.0/24"]]);
});

it("tells each peer once of a prefix that thousands of Services share, and nothing of what changes nothing", () => {
  const table = createBgpRouteTable();
  const said: string[] = [];
  const peers = ["tor-a", "tor-b", "tor-c"];
  for (const peer of peers) {
    const rib = createAdjRibOut<AnnouncedAttributes>();
    table.attach(peer, { ...rib, announce: (prefix) => void said.push(`${peer} ${formatPrefix(prefix)}`) });
  }
  const setAll = (): void => {
    for (let index = 0; index < 5000; index += 1) table.setRoutes(`ns/s${index}`, [route("10.0.0.0/8", { peers })]);
    table.settle();
  };
  setAll();
  expect(said).toEqual(peers.map((peer) => `${peer} 10.0.0.0/8`));
  setAll();
  expect(said).toHaveLength(peers.length);
});

it("says how often our AS stands in the path, by the first Service of several", () => {
  const table = createBgpRouteTable();
  const rib = createAdjRibOut<AnnouncedAttributes>();
  table.attach("tor-a", rib);
  const told = () => {
    table.settle();
    return rib.take(100).announced.map(({ attributes }) => attributes.prepend);
  };
  table.setRoutes("ns/b", [route("192.0.2.0/24", { asPathPrepend: 3 }), route("192.0.2.1/32")]);
  expect(told()).toEqual([3, 0]);
  table.setRoutes("ns/a", [route("192.0.2.0/24", { asPathPrepend: 1 })]);
  expect(told()).toEqual([1]);
  table.setRoutes("ns/a", []);
  expect(told()).toEqual([3]);
});

it("leaves out what owners of Services ask for before anything that the administrator says of any of them", () => {
  const cut: string[] = [];
  const table = createBgpRouteTable((prefix) => cut.push(prefix));
  const rib = createAdjRibOut<AnnouncedAttributes>();
  table.attach("tor-a", rib);
  const told = () => {
    table.settle();
    return rib.take(100).announced.map(({ attributes: { communities } }) => communities);
  };
  const noExport = "65535:65281";
  for (let service = 0; service < 50; service += 1) {
    const requested = Array.from({ length: 32 }, (_, index) => `64512:${service * 32 + index}`);
    const communities = service === 49 ? [noExport] : [];
    table.setRoutes(`ns/s${String(service).padStart(2, "0")}`, [route("192.0.2.0/32", { communities, requested })]);
  }
  const [kept = []] = told();
  expect([kept.length, kept.includes(0xffffff01), kept.includes(64512 * 65536)]).toEqual([900, true, true]);
  expect(cut).toEqual(["192.0.2.0/32"]);
  for (let service = 0; service < 49; service += 1) table.setRoutes(`ns/s${String(service).padStart(2, "0")}`, []);
  expect(told()).toEqual([[...Array.from({ length: 32 }, (_, index) => 64512 * 65536 + 49 * 32 + index), 0xffffff01]]);
});

it("leaves out communities that no message has room for, those of later Services first, and says so", () => {
  const cut: string[] = [];
  const table = createBgpRouteTable((prefix) => cut.push(prefix));
  const rib = createAdjRibOut<AnnouncedAttributes>();
  table.attach("tor-a", rib);
  const large = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => `large:64512:1:${from + index}`);
  const told = () => {
    table.settle();
    return rib.take(100).announced.map(({ attributes }) => attributes.largeCommunities.map(([, , last]) => last));
  };
  table.setRoutes("ns/b", [route("192.0.2.0/32", { communities: large(1000, 300) })]);
  expect([told()[0]?.length, cut]).toEqual([300, []]);
  table.setRoutes("ns/a", [route("192.0.2.0/32", { communities: large(5000, 2) })]);
  const [kept = []] = told();
  expect(kept).toHaveLength(300);
  expect(kept).toEqual(expect.arrayContaining([5000, 5001, 1000]));
  expect(cut).toEqual(["192.0.2.0/32"]);
});
