import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isObjectName } from "../../../src/config/label-selector.js";
import type { UnnamedPeer } from "../../../src/config/legacy-peers.js";
import {
  legalName,
  nameHostPeers,
  namePeers,
  suffixedName,
  uniqueLegalNames,
} from "../../../src/config/object-names.js";
import { Password } from "../../../src/config/password.js";
import { parseAddress } from "../../../src/runtime/net/address.js";

const peer = (address: string, rest: Partial<UnnamedPeer> = {}): UnnamedPeer => ({
  myAsn: 1,
  peerAsn: 2,
  address: parseAddress(address) ?? { family: "ipv4", value: 0n },
  port: 179,
  holdTimeSeconds: 90,
  nodeSelectors: [],
  ebgpMultiHop: false,
  vrf: "",
  gracefulRestart: false,
  dualStackAddressFamily: false,
  disableMP: false,
  ...rest,
});
const onHost = (host: string): Partial<UnnamedPeer> => ({
  nodeSelectors: [{ matchLabels: [["kubernetes.io/hostname", host]], matchExpressions: [] }],
});

describe("legalName()", () => {
  it.each([
    ["pool", "pool"],
    ["pool.a-1", "pool.a-1"],
    ["Pool", "pool"],
    ["Pool A", "pool-a"],
    ["pool_a", "pool-a"],
    ["__pool__", "pool"],
    ["a.-b", "a.b"],
    ["a..b", "a.b"],
    ["Größe", "gro-e"],
    ["x@y", "x-y"],
    ["日本", "other"],
    ["", "other"],
    ["-", "other"],
  ])("%s becomes %s", (text, name) => expect(legalName(text, "other")).toBe(name));

  it("is always a name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => isObjectName(legalName(text, "other"))),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => isObjectName(suffixedName(legalName(text, "other"), "x"))),
    );
  });
});

describe("uniqueLegalNames()", () => {
  it("keeps what is legal and tells the others apart", () => {
    const names = uniqueLegalNames(["Pool_A", "pool-a", "POOL A", "pool-b", "B"], "pool");
    expect(names.get("pool-a")).toBe("pool-a");
    expect(names.get("pool-b")).toBe("pool-b");
    expect(names.get("B")).toBe("b");
    expect(names.get("Pool_A")).toMatch(/^pool-a-[0-9a-f]{8}$/);
    expect(names.get("POOL A")).toMatch(/^pool-a-[0-9a-f]{8}$/);
    expect(new Set(names.values()).size).toBe(5);
  });

  it("gives legal names, each once, whatever the order", () => {
    const texts = fc.uniqueArray(
      fc.string({ unit: fc.constantFrom("a", "b", "A", "B", "_", "-", ".", " ", "é"), maxLength: 6 }),
    );
    fc.assert(
      fc.property(texts, (list) => {
        const names = uniqueLegalNames(list, "pool");
        expect([...names.values()].every(isObjectName)).toBe(true);
        expect(new Set(names.values()).size).toBe(list.length);
        const reversed = uniqueLegalNames(list.toReversed(), "pool");
        expect(list.map((text) => reversed.get(text))).toEqual(list.map((text) => names.get(text)));
      }),
    );
  });
});

describe("namePeers()", () => {
  it.each<[string, UnnamedPeer[], string[]]>([
    [
      "by the address",
      [peer("10.0.0.1"), peer("2001:db8::1"), peer("2001:db8::")],
      ["peer-10-0-0-1", "peer-2001-db8--1", "peer-2001-db8"],
    ],
    ["and another port", [peer("10.0.0.1", { port: 1179 })], ["peer-10-0-0-1-port-1179"]],
    ["and the VRF", [peer("10.0.0.1", { vrf: "Red_1" })], ["peer-10-0-0-1-vrf-red-1"]],
    ["a selector alone changes nothing", [peer("10.0.0.1", onHost("w"))], ["peer-10-0-0-1"]],
    [
      "the host where the address is not enough",
      [peer("10.0.0.1", onHost("worker-0")), peer("10.0.0.1", onHost("Worker.1"))],
      ["peer-10-0-0-1-worker-0", "peer-10-0-0-1-worker-1"],
    ],
  ])("%s", (_, peers, names) => expect(namePeers(peers)).toEqual(names));

  it("tells peers apart by what they say, and by nothing that a password could be guessed from", () => {
    const password = (text: string) => ({ password: new Password(text) });
    const peers = [
      peer("10.0.0.1"),
      peer("10.0.0.1", { myAsn: 5 }),
      peer("10.0.0.1", password("a")),
      peer("10.0.0.1", password("b")),
    ];
    const names = namePeers(peers);
    expect(new Set(names).size).toBe(4);
    expect(names.every((name) => /^peer-10-0-0-1-[0-9a-f]{8}(-2)?$/.test(name))).toBe(true);
    const others = namePeers([peer("10.0.0.1"), peer("10.0.0.1", password("c"))]);
    expect(others).toEqual([names[0], names[2]]);
  });

  it("does not depend on the order", () => {
    const peers = [
      peer("10.0.0.1"),
      peer("10.0.0.1", { myAsn: 5 }),
      peer("10.0.0.2"),
      peer("10.0.0.1", onHost("a")),
      peer("10.0.0.1", { password: new Password("x") }),
      peer("10.0.0.1", { password: new Password("y") }),
    ];
    const names = namePeers(peers);
    expect(namePeers(peers.toReversed())).toEqual(names.toReversed());
  });

  it("goes by what the names of profiles become as resources, so that converting them changes nothing", () => {
    const referring = (...names: string[]) => names.map((bfdProfile) => peer("10.0.0.1", { bfdProfile }));
    const profiles = ["fast", "Fast", "slow one"];
    const legal = [...uniqueLegalNames(profiles, "profile").values()];
    const names = namePeers(referring("fast", "slow one", "Fast"), new Set(), profiles);
    const [fast = "", other = "", slow = ""] = [...legal].toSorted();
    expect([fast, slow]).toEqual(["fast", "slow-one"]);
    expect(namePeers(referring(fast, slow, other), new Set(), legal)).toEqual(names);
    expect(new Set(names).size).toBe(3);
  });

  it("leaves taken names alone", () => {
    const [name] = namePeers([peer("10.0.0.1")], new Set(["peer-10-0-0-1"]));
    expect(name).toMatch(/^peer-10-0-0-1-[0-9a-f]{8}$/);
  });

  it("names ten thousand peers that differ only in their passwords", () => {
    const peers = Array.from({ length: 10_000 }, (_, index) =>
      peer("10.0.0.1", { password: new Password(String(index)) }),
    );
    expect(new Set(namePeers(peers)).size).toBe(10_000);
  });
});

describe("nameHostPeers()", () => {
  it.each<[string, UnnamedPeer[], (string | RegExp)[]]>([
    ["by address and host, also where it is alone", [peer("10.0.0.1", onHost("W.1"))], ["peer-10-0-0-1-w-1"]],
    [
      "with eight digits where hosts look the same",
      [peer("10.0.0.1", onHost("w.1")), peer("10.0.0.1", onHost("w-1")), peer("10.0.0.1", onHost("w"))],
      [/^peer-10-0-0-1-w-1-[0-9a-f]{8}$/, /^peer-10-0-0-1-w-1-[0-9a-f]{8}$/, "peer-10-0-0-1-w"],
    ],
    ["of a host name that no name can have", [peer("10.0.0.1", onHost(""))], ["peer-10-0-0-1-node"]],
    ["beside a name that is taken", [peer("10.0.0.9", onHost("w"))], [/^peer-10-0-0-9-w-[0-9a-f]{8}$/]],
  ])("%s", (_, peers, expected) => {
    const names = nameHostPeers(peers, new Set(["peer-10-0-0-9-w"]));
    expect(names).toEqual(expected.map((one) => (typeof one === "string" ? one : expect.stringMatching(one))));
    expect(names.every(isObjectName)).toBe(true);
    expect(new Set(names).size).toBe(names.length);
    expect(nameHostPeers(peers.toReversed(), new Set(["peer-10-0-0-9-w"]))).toEqual(names.toReversed());
  });
});
