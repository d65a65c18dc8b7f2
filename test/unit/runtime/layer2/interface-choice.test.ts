import { expect, it } from "vitest";
import type { Link } from "../../../../src/runtime/net/link.js";
import { chooseInterfaces, responderChanges } from "../../../../src/runtime/layer2/interface-choice.js";

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
};

it.each<{ name: string; link: Partial<Link>; reason: string | undefined }>([
  { name: "an ordinary interface", link: {}, reason: undefined },
  { name: "one without a cable, which is up", link: { running: false }, reason: undefined },
  { name: "one that is down", link: { up: false, masterIndex: 9, noArp: true }, reason: "down" },
  { name: "one of a bridge", link: { masterIndex: 9, noArp: true }, reason: "enslaved" },
  { name: "one without ARP", link: { noArp: true, broadcast: false }, reason: "noArp" },
  { name: "a tunnel", link: { broadcast: false, mac: undefined }, reason: "noBroadcast" },
  { name: "one that is not Ethernet", link: { mac: undefined }, reason: "noHardwareAddress" },
])("chooseInterfaces() on $name: $reason", ({ link, reason }) => {
  expect(chooseInterfaces([{ ...LINK, ...link }], [])).toMatchObject([{ name: "eth0", noResponder: reason }]);
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

const target = (index: number, name: string, mac = `02:00:00:00:00:0${index}`) => ({ index, name, mac });
const choice = (index: number, name: string, mac = `02:00:00:00:00:0${index}`) => ({
  index,
  name,
  mac,
  noResponder: undefined,
});

it.each([
  {
    name: "opens what is new and closes what is gone",
    present: [target(1, "a"), target(2, "b")],
    choices: [choice(2, "b"), choice(3, "c")],
    changes: { close: [1], open: [target(3, "c")], rename: [] },
  },
  {
    name: "closes what has a reason for no responder now",
    present: [target(1, "a")],
    choices: [{ ...choice(1, "a"), noResponder: "down" as const }],
    changes: { close: [1], open: [], rename: [] },
  },
  {
    name: "takes an interface that was made anew under its old name for another one",
    present: [target(1, "a")],
    choices: [choice(2, "a")],
    changes: { close: [1], open: [target(2, "a")], rename: [] },
  },
  {
    name: "notices another name and another hardware address",
    present: [target(1, "a"), target(2, "b"), target(3, "c")],
    choices: [choice(1, "x"), choice(2, "b", "02:00:00:00:00:ff"), choice(3, "c")],
    changes: { close: [], open: [], rename: [target(1, "x"), target(2, "b", "02:00:00:00:00:ff")] },
  },
])("responderChanges() $name", ({ present, choices, changes }) => {
  expect(responderChanges(new Map(present.map((each) => [each.index, each])), choices)).toEqual(changes);
});
