import { expect, it } from "vitest";
import type { Link } from "../../../../src/runtime/net/link.js";
import {
  chooseInterfaces,
  responderChanges,
  responderTargets,
} from "../../../../src/runtime/layer2/interface-choice.js";

const LINK: Link = {
  index: 2,
  name: "eth0",
  mac: "02:00:00:00:00:0b",
  up: true,
  running: true,
  broadcast: true,
  noArp: false,
  loopback: false,
  masterIndex: undefined,
  bonded: false,
  tap: false,
  ipv6: true,
  forwardsIpv6: false,
};

it.each<{ name: string; link: Partial<Link>; arp: string | undefined; ndp: string | undefined }>([
  { name: "an ordinary interface", link: {}, arp: undefined, ndp: undefined },
  { name: "one without a cable, which is up", link: { running: false }, arp: undefined, ndp: undefined },
  { name: "one that is down", link: { up: false, masterIndex: 9, noArp: true }, arp: "down", ndp: "down" },
  { name: "one of a bridge", link: { masterIndex: 9, noArp: true }, arp: "enslaved", ndp: "enslaved" },
  { name: "one without ARP", link: { noArp: true, broadcast: false }, arp: "noArp", ndp: "noArp" },
  { name: "one without broadcasts", link: { broadcast: false }, arp: "noBroadcast", ndp: undefined },
  { name: "a tunnel", link: { broadcast: false, mac: undefined }, arp: "noBroadcast", ndp: "noHardwareAddress" },
  { name: "one not Ethernet", link: { mac: undefined }, arp: "noHardwareAddress", ndp: "noHardwareAddress" },
  { name: "one without IPv6", link: { ipv6: false }, arp: undefined, ndp: "ipv6Disabled" },
  { name: "one that is down, without IPv6", link: { up: false, ipv6: false }, arp: "down", ndp: "down" },
])("chooseInterfaces() on $name: $arp for ARP, $ndp for NDP", ({ link, arp, ndp }) => {
  const choices = chooseInterfaces([{ ...LINK, ...link }], []);
  expect(choices).toMatchObject([{ name: "eth0", noResponder: arp, noNdp: ndp }]);
  expect(responderTargets("ARP", choices)).toHaveLength(arp === undefined ? 1 : 0);
  expect(responderTargets("NDP", choices)).toHaveLength(ndp === undefined ? 1 : 0);
});

it("only NDP takes notice of whether an interface forwards IPv6", () => {
  const choices = chooseInterfaces([{ ...LINK, forwardsIpv6: true }], []);
  expect(responderTargets("ARP", choices)).toMatchObject([{ name: "eth0", router: false }]);
  expect(responderTargets("NDP", choices)).toMatchObject([{ name: "eth0", router: true }]);
});

it.each([
  { excludes: [/^eth0$/], left: ["eth1", "veth0", "myeth0"] },
  { excludes: [/^veth/, /1/], left: ["eth0", "myeth0"] },
  { excludes: [/eth0/], left: ["eth1"] },
  { excludes: [/eth/g, /nothing/y], left: [] },
  { excludes: [], left: ["eth0", "eth1", "veth0", "myeth0"] },
])("chooseInterfaces() leaves out what matches $excludes anywhere in the name", ({ excludes, left }) => {
  const links = ["eth0", "eth1", "veth0", "myeth0"].map((name, index) => Object.assign({}, LINK, { name, index }));
  expect(chooseInterfaces(links, excludes).map(({ name }) => name)).toEqual(left);
  expect(chooseInterfaces(links, excludes).map(({ name }) => name)).toEqual(left); // asked twice, the same answer
});

const target = (index: number, name: string, mac = `02:00:00:00:00:0${index}`, router = false) => ({
  index,
  name,
  mac,
  router,
});

it.each([
  {
    name: "opens what is new and closes what is gone",
    present: [target(1, "a"), target(2, "b")],
    wanted: [target(2, "b"), target(3, "c")],
    changes: { close: [1], open: [target(3, "c")], rename: [] },
  },
  {
    name: "closes what is not to answer now",
    present: [target(1, "a")],
    wanted: [],
    changes: { close: [1], open: [], rename: [] },
  },
  {
    name: "takes an interface that was made anew under its old name for another one",
    present: [target(1, "a")],
    wanted: [target(2, "a")],
    changes: { close: [1], open: [target(2, "a")], rename: [] },
  },
  {
    name: "notices another name, another hardware address, and a router",
    present: [target(1, "a"), target(2, "b"), target(3, "c"), target(4, "d")],
    wanted: [target(1, "x"), target(2, "b", "02:00:00:00:00:ff"), target(3, "c", undefined, true), target(4, "d")],
    changes: {
      close: [],
      open: [],
      rename: [target(1, "x"), target(2, "b", "02:00:00:00:00:ff"), target(3, "c", undefined, true)],
    },
  },
])("responderChanges() $name", ({ present, wanted, changes }) => {
  expect(responderChanges(new Map(present.map((each) => [each.index, each])), wanted)).toEqual(changes);
});
