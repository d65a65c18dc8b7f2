import { describe, expect, it } from "vitest";
import type { Pool } from "../../../../src/config/model.js";
import { allocatorWith, DUAL_STACK, outcomeOf, poolOf, PREFER_DUAL_STACK, serviceOf, withLabel } from "./fixtures.js";

/** Addresses that Services named s1, s2, … get, in this order. */
function addressesOf(pools: readonly Pool[], services: readonly Parameters<typeof serviceOf>[1][]): string[] {
  const allocator = allocatorWith(...pools);
  return services.map((rest, index) => {
    const { outcome, addresses } = outcomeOf(allocator.decide(serviceOf(`s${index + 1}`, rest)));
    return addresses || outcome;
  });
}

describe("inside a pool", () => {
  it.each([
    {
      name: "from the lowest address up, network and broadcast address included",
      pool: poolOf("p", ["192.0.2.0/30"]),
      addresses: ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "pending"],
    },
    {
      name: "ranges in the order of the document",
      pool: poolOf("p", ["192.0.2.8-192.0.2.9", "192.0.2.1-192.0.2.2"]),
      addresses: ["192.0.2.8", "192.0.2.9", "192.0.2.1", "192.0.2.2", "pending"],
    },
    {
      name: "without .0 and .255 where avoidBuggyIPs says so",
      pool: poolOf("p", ["192.0.2.254-192.0.3.1"], { avoidBuggyIPs: true }),
      addresses: ["192.0.2.254", "192.0.3.1", "pending"],
    },
  ])("$name", ({ pool, addresses }) =>
    expect(
      addressesOf(
        [pool],
        addresses.map(() => ({})),
      ),
    ).toEqual(addresses),
  );

  it("fills the lowest gap first", () => {
    const allocator = allocatorWith(poolOf("p", ["192.0.2.1-192.0.2.9"]));
    for (const name of ["a", "b", "c", "d"]) allocator.decide(serviceOf(name));
    allocator.release("default/c");
    allocator.release("default/a");
    const next = ["e", "f", "g"].map((name) => outcomeOf(allocator.decide(serviceOf(name))).addresses);
    expect(next).toEqual(["192.0.2.1", "192.0.2.3", "192.0.2.5"]);
  });
});

describe("between pools", () => {
  const only = (fields: Partial<NonNullable<Pool["serviceAllocation"]>>): Partial<Pool> => ({
    serviceAllocation: { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [], ...fields },
  });
  it.each([
    {
      name: "by name, and the next one when it is full",
      pools: [poolOf("b", ["198.51.100.1-198.51.100.1"]), poolOf("a", ["192.0.2.1-192.0.2.1"])],
      services: [{}, {}, {}],
      addresses: ["192.0.2.1", "198.51.100.1", "pending"],
    },
    {
      name: "never one with autoAssign off, unless it is asked for",
      pools: [poolOf("a", ["192.0.2.1-192.0.2.3"], { autoAssign: false })],
      services: [{}, { loadBalancerIP: "192.0.2.2" }, { annotations: { "metallb.universe.tf/address-pool": "a" } }],
      addresses: ["pending", "192.0.2.2", "192.0.2.1"],
    },
    {
      name: "one kept for the namespace first, and the others when it is full",
      pools: [
        poolOf("a", ["192.0.2.1-192.0.2.9"]),
        poolOf("z", ["198.51.100.1-198.51.100.1"], only({ namespaces: ["shop"] })),
      ],
      services: [{ namespace: "shop" }, {}, { namespace: "shop" }],
      addresses: ["198.51.100.1", "192.0.2.1", "192.0.2.2"],
    },
    {
      name: "by priority, 0 last",
      pools: [
        poolOf("a", ["192.0.2.1-192.0.2.1"], only({ namespaces: ["default"], priority: 0 })),
        poolOf("b", ["192.0.2.2-192.0.2.2"], only({ namespaces: ["default"], priority: 20 })),
        poolOf("c", ["192.0.2.3-192.0.2.3"], only({ namespaces: ["default"], priority: 3 })),
        poolOf("d", ["192.0.2.4-192.0.2.4"]),
      ],
      services: [{}, {}, {}, {}],
      addresses: ["192.0.2.3", "192.0.2.2", "192.0.2.1", "192.0.2.4"],
    },
    {
      name: "one kept for Services with a label",
      pools: [poolOf("a", ["192.0.2.1-192.0.2.9"], only({ serviceSelectors: [withLabel("tier", "front")] }))],
      services: [{}, { labels: { tier: "front" } }],
      addresses: ["pending", "192.0.2.1"],
    },
    {
      name: "one with both conditions only where both are met",
      pools: [
        poolOf(
          "a",
          ["192.0.2.1-192.0.2.9"],
          only({ namespaces: ["shop"], serviceSelectors: [withLabel("tier", "x")] }),
        ),
      ],
      services: [{ labels: { tier: "x" } }, { namespace: "shop" }, { namespace: "shop", labels: { tier: "x" } }],
      addresses: ["pending", "pending", "192.0.2.1"],
    },
    {
      name: "one with an empty serviceAllocation first, for everybody",
      pools: [poolOf("a", ["192.0.2.1-192.0.2.9"]), poolOf("z", ["198.51.100.1-198.51.100.1"], only({}))],
      services: [{}, {}],
      addresses: ["198.51.100.1", "192.0.2.1"],
    },
    {
      name: "never one whose namespaceSelectors match nothing, yet whoever asks for it gets it",
      pools: [poolOf("a", ["192.0.2.1-192.0.2.9"], only({ namespaceSelectors: [withLabel("team", "none")] }))],
      services: [{}, { loadBalancerIP: "192.0.2.4" }],
      addresses: ["pending", "192.0.2.4"],
    },
  ])("$name", ({ pools, services, addresses }) => expect(addressesOf(pools, services)).toEqual(addresses));

  it("follows the labels of Namespaces", () => {
    const scope = only({ namespaceSelectors: [withLabel("team", "a")] });
    const allocator = allocatorWith(poolOf("a", ["192.0.2.1-192.0.2.9"], scope));
    const shop = serviceOf("web", { namespace: "shop" });
    expect(allocator.decide(shop)).toMatchObject({
      outcome: "pending",
      refusals: [{ pool: "a", reason: "serviceAllocation keeps it for other namespaces or Services" }],
    });
    const before = allocator.vacancies();
    allocator.useNamespaces([
      { name: "shop", labels: { team: "a" } },
      { name: "default", labels: { team: "b" } },
    ]);
    expect(allocator.vacancies()).toBeGreaterThan(before);
    expect(outcomeOf(allocator.decide(shop)).addresses).toBe("192.0.2.1");
    expect(allocator.decide(serviceOf("other")).outcome).toBe("pending");
    expect(allocator.decide(serviceOf("wants", { loadBalancerIP: "192.0.2.7" })).reason).toBe(
      'pool "a" not compatible for ip assignment: serviceAllocation keeps it for other namespaces or Services: use another pool, or change its serviceAllocation',
    );
  });
});

describe("two families", () => {
  const v4 = poolOf("a-v4", ["192.0.2.1-192.0.2.9"]);
  const v6 = poolOf("b-v6", ["2001:db8::1-2001:db8::9"]);
  const both = poolOf("c-both", ["198.51.100.1-198.51.100.1", "2001:db8:1::1-2001:db8:1::9"]);
  const v6First = { ...PREFER_DUAL_STACK, clusterIPs: ["fd00::1", "10.96.0.1"], ipFamilies: ["IPv6", "IPv4"] as const };
  it.each([
    { name: "the first pool with both", pools: [v4, v6, both], service: DUAL_STACK, got: "198.51.100.1,2001:db8:1::1" },
    { name: "never from two pools", pools: [v4, v6], service: DUAL_STACK, got: "pending" },
    {
      name: "both where they are preferred",
      pools: [v4, both],
      service: PREFER_DUAL_STACK,
      got: "198.51.100.1,2001:db8:1::1",
    },
    {
      name: "the primary family where no pool has both",
      pools: [v4, v6],
      service: PREFER_DUAL_STACK,
      got: "192.0.2.1",
    },
    { name: "IPv6 where that is the primary family", pools: [v4, v6], service: v6First, got: "2001:db8::1" },
    { name: "the other family as a last resort", pools: [v4], service: v6First, got: "192.0.2.1" },
    {
      name: "clusterIPs decide on a single-stack cluster",
      pools: [both],
      service: { ipFamilyPolicy: "PreferDualStack" as const },
      got: "198.51.100.1",
    },
  ])("$name", ({ pools, service, got }) => expect(addressesOf(pools, [service])).toEqual([got]));
});

it("counts what pools have and what is in use", () => {
  const allocator = allocatorWith(
    poolOf("big", ["2001:db8::/32"]),
    poolOf("small", ["192.0.2.0/24", "198.51.100.255-198.51.101.0"], { avoidBuggyIPs: true }),
  );
  allocator.decide(serviceOf("web"));
  expect(allocator.usage()).toEqual([
    { pool: "big", capacityIPv4: 0n, capacityIPv6: 2n ** 96n, inUseIPv4: 0, inUseIPv6: 0 },
    { pool: "small", capacityIPv4: 254n, capacityIPv6: 0n, inUseIPv4: 1, inUseIPv6: 0 },
  ]);
});
