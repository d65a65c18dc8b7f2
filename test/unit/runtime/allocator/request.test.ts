import { describe, expect, it } from "vitest";
import { familiesOf, readRequestedAddresses, statusAddresses } from "../../../../src/runtime/allocator/request.js";
import { formatAddress } from "../../../../src/runtime/net/address.js";
import { allocatorWith, DUAL_STACK, IPV6, outcomeOf, poolOf, PREFER_DUAL_STACK, serviceOf } from "./fixtures.js";

const CURRENT = "metallb.io/loadBalancerIPs";
const DEPRECATED = "metallb.universe.tf/loadBalancerIPs";
const MISMATCH =
  "does not match the ipFamily of the service: ask for one address of each family that its clusterIPs have";

describe("readRequestedAddresses()", () => {
  it.each([
    { name: "nothing", service: {}, expected: undefined },
    { name: "the field", service: { loadBalancerIP: "192.0.2.7" }, expected: ["192.0.2.7"] },
    { name: "the current annotation", service: { annotations: { [CURRENT]: "192.0.2.7" } }, expected: ["192.0.2.7"] },
    { name: "the old annotation", service: { annotations: { [DEPRECATED]: " 192.0.2.7 " } }, expected: ["192.0.2.7"] },
    {
      name: "the current annotation before the old one, even empty",
      service: { annotations: { [CURRENT]: "", [DEPRECATED]: "192.0.2.7" } },
      expected: undefined,
    },
    {
      name: "the field beside an empty annotation",
      service: { loadBalancerIP: "192.0.2.7", annotations: { [CURRENT]: "" } },
      expected: ["192.0.2.7"],
    },
    {
      name: "two, in the order of their texts",
      service: { ...DUAL_STACK, annotations: { [CURRENT]: "2001:DB8::7, 203.0.113.7" } },
      expected: ["2001:db8::7", "203.0.113.7"],
    },
    {
      name: "two, whatever the order they are written in",
      service: { ...DUAL_STACK, annotations: { [CURRENT]: "2001:db8::7,192.0.2.7" } },
      expected: ["192.0.2.7", "2001:db8::7"],
    },
  ])("reads $name", ({ service, expected }) => {
    const view = serviceOf("web", service);
    const result = readRequestedAddresses(view, familiesOf(view.clusterIPs) ?? []);
    expect(result.ok && result.value?.map(formatAddress)).toEqual(expected);
  });

  it.each([
    {
      name: "both ways at once",
      service: { loadBalancerIP: "192.0.2.7", annotations: { [DEPRECATED]: "192.0.2.7" } },
      why: "service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP: remove one of the two",
    },
    {
      name: "a list in the field",
      service: { loadBalancerIP: "192.0.2.7,192.0.2.8" },
      why: 'invalid address "192.0.2.7,192.0.2.8": write an IPv4 or IPv6 address',
    },
    {
      name: "a range",
      service: { annotations: { [CURRENT]: "192.0.2.0/24" } },
      why: 'invalid address "192.0.2.0/24": write an IPv4 or IPv6 address, or two separated by a comma',
    },
    {
      name: "an empty element",
      service: { annotations: { [CURRENT]: "192.0.2.7," } },
      why: 'invalid address "": write an IPv4 or IPv6 address, or two separated by a comma',
    },
    {
      name: "two of one family",
      service: { annotations: { [CURRENT]: "192.0.2.8,192.0.2.7" } },
      why: '["192.0.2.7" "192.0.2.8"] is more than one address of a family: ask for one of each family at most',
    },
    {
      name: "three",
      service: { ...DUAL_STACK, annotations: { [CURRENT]: "192.0.2.8,2001:db8::1,192.0.2.7" } },
      why: '["192.0.2.7" "192.0.2.8" "2001:db8::1"] is more than one address of a family: ask for one of each family at most',
    },
    {
      name: "the other family",
      service: { ...IPV6, loadBalancerIP: "192.0.2.7" },
      why: `requested loadBalancer IP(s) ["192.0.2.7"] ${MISMATCH} (IPv6)`,
    },
    {
      name: "one address of two families, also where both are only preferred",
      service: { ...PREFER_DUAL_STACK, loadBalancerIP: "192.0.2.7" },
      why: `requested loadBalancer IP(s) ["192.0.2.7"] ${MISMATCH} (IPv4, IPv6)`,
    },
  ])("refuses $name", ({ service, why }) => {
    const view = serviceOf("web", service);
    expect(readRequestedAddresses(view, familiesOf(view.clusterIPs) ?? [])).toEqual({ ok: false, fault: why });
  });
});

describe("familiesOf()", () => {
  it.each([
    [["10.96.0.1"], ["ipv4"]],
    [["fd00::1"], ["ipv6"]],
    [
      ["fd00::1", "10.96.0.1"],
      ["ipv6", "ipv4"],
    ],
    [["10.96.0.1", "10.96.0.2"], undefined],
    [["10.96.0.1", "fd00::1", "10.96.0.2"], undefined],
    [["10.96.0.1", "None"], undefined],
    [["None"], undefined],
    [[], undefined],
  ])("of %j is %j", (clusterIPs, families) => expect(familiesOf(clusterIPs)).toEqual(families));
});

it("statusAddresses() leaves out host names, what is no address, and repetitions", () => {
  const ingress = [{ hostname: "lb" }, { ip: "192.0.2.1" }, { ip: "none" }, { ip: "192.0.2.1" }, { ip: "2001:DB8::1" }];
  const addresses = statusAddresses({ ...serviceOf("web"), ingress });
  expect(addresses.map(formatAddress)).toEqual(["192.0.2.1", "2001:db8::1"]);
});

describe("a request that is read and refused", () => {
  const pools = [
    poolOf("a", ["192.0.2.0/24"], { avoidBuggyIPs: true }),
    poolOf("b", ["198.51.100.1-198.51.100.1", "2001:db8::/64"]),
  ];
  it.each([
    {
      name: "outside every pool",
      service: { loadBalancerIP: "203.0.113.1" },
      why: '["203.0.113.1"] is not allowed in config: no pool has it: add it to a pool, or ask for an address of a pool',
    },
    {
      name: "left out by avoidBuggyIPs",
      service: { loadBalancerIP: "192.0.2.255" },
      why: '["192.0.2.255"] is not allowed in config: no pool has it: add it to a pool, or ask for an address of a pool',
    },
    {
      name: "in two pools",
      service: { ...DUAL_STACK, annotations: { [CURRENT]: "192.0.2.1,2001:db8::1" } },
      why: '["192.0.2.1" "2001:db8::1"] is not allowed in config: no pool has both: add both to one pool, or ask for an address of a pool',
    },
    {
      name: "in another pool than the one that is asked for too",
      service: { loadBalancerIP: "192.0.2.1", annotations: { "metallb.io/address-pool": "b" } },
      why: '["192.0.2.1"] is not compatible with requested address pool "b": it is in pool "a": ask for an address of the pool, or remove the annotation',
    },
    {
      name: "taken",
      service: { loadBalancerIP: "198.51.100.1" },
      why: 'can\'t change sharing key for "default/web", address also in use by default/holder: to share "198.51.100.1" give all of them the same annotation metallb.io/allow-shared-ip, and with externalTrafficPolicy Local the same selector; or use another address',
    },
    {
      name: "a pool that is full",
      service: { annotations: { "metallb.io/address-pool": "b" } },
      why: 'no available IPs in pool "b": all 1 IPv4 addresses are in use: add addresses to it, or ask for another pool',
    },
    {
      name: "a pool that does not exist",
      service: { annotations: { "metallb.io/address-pool": "c" } },
      why: 'unknown pool "c": name a pool of the configuration',
    },
  ])("$name", ({ service, why }) => {
    const allocator = allocatorWith(...pools);
    allocator.decide(serviceOf("holder", { loadBalancerIP: "198.51.100.1" }));
    const decision = allocator.decide(serviceOf("web", service));
    expect(outcomeOf(decision)).toEqual({
      outcome: "pending",
      addresses: "",
      events: [`Warning AllocationFailed: Failed to allocate IP for "default/web": ${why}`],
    });
  });

  it("is given in the order in which it stays", () => {
    const service = { ...DUAL_STACK, annotations: { [CURRENT]: "2001:db8::1,198.51.100.1" } };
    expect(allocatorWith(...pools).decide(serviceOf("web", service))).toMatchObject({
      addresses: ["198.51.100.1", "2001:db8::1"],
      reason: "asked for by the Service",
    });
  });
});
