import { describe, expect, it } from "vitest";
import { createAllocator } from "../../../../src/runtime/allocator/create-allocator.js";
import {
  allocatorWith,
  DUAL_STACK,
  IPV6,
  modelOf,
  outcomeOf,
  performed,
  poolOf,
  PREFER_DUAL_STACK,
  serviceOf,
} from "./fixtures.js";

// The paragraphs named here are those of the order in which one Service converges.
const V4 = poolOf("v4", ["192.0.2.1-192.0.2.4"]);
const DUAL = poolOf("dual", ["192.0.2.1-192.0.2.4", "2001:db8::1-2001:db8::4"]);

describe("a Service that needs nothing", () => {
  it("waits for the first configuration", () => {
    const decision = createAllocator({ loadBalancerClass: "" }).decide(serviceOf("web"));
    expect(decision).toEqual({ outcome: "ignored", reason: "no configuration has been loaded yet" });
  });

  it.each([
    { ours: "", theirs: undefined, outcome: "assigned" },
    { ours: "", theirs: "example.com/lb", outcome: "ignored" },
    { ours: "example.com/lb", theirs: "example.com/lb", outcome: "assigned" },
    { ours: "example.com/lb", theirs: undefined, outcome: "ignored" },
    { ours: "example.com/lb", theirs: "example.com/other", outcome: "ignored" },
  ])("of class $theirs is $outcome by a controller of class $ours", ({ ours, theirs, outcome }) => {
    const allocator = createAllocator({ loadBalancerClass: ours });
    allocator.useModel(modelOf(V4), { keepAssigned: false });
    const rest = theirs === undefined ? {} : { loadBalancerClass: theirs };
    expect(allocator.decide(serviceOf("web", rest)).outcome).toBe(outcome);
  });

  it("gives its address back when it is no LoadBalancer any more (step 1)", () => {
    const allocator = allocatorWith(V4);
    const web = performed(serviceOf("web"), allocator.decide(serviceOf("web")));
    const decision = allocator.decide({ ...web, type: "ClusterIP" });
    expect(decision).toMatchObject({ outcome: "released", events: [] });
    expect(allocator.assignment("default/web")).toBeUndefined();
    expect(outcomeOf(allocator.decide(serviceOf("next"))).addresses).toBe("192.0.2.1");
  });

  it("of another class keeps its address out of our hands", () => {
    const allocator = allocatorWith(V4);
    allocator.adopt(serviceOf("theirs", { loadBalancerClass: "example.com/lb", ingress: ["192.0.2.1"] }));
    expect(outcomeOf(allocator.decide(serviceOf("web"))).addresses).toBe("192.0.2.2");
    expect(allocator.decide(serviceOf("wants", { loadBalancerIP: "192.0.2.1" }))).toMatchObject({
      outcome: "pending",
      reason:
        '"192.0.2.1" is in use by default/theirs, which belongs to another load balancer class: ask for another address',
    });
    expect(allocator.release("default/theirs")).toEqual(["192.0.2.1"]);
    expect(outcomeOf(allocator.decide(serviceOf("wants", { loadBalancerIP: "192.0.2.1" }))).outcome).toBe("assigned");
  });
});

describe("a Service that cannot be served", () => {
  it.each([
    {
      name: "no pools at all (step 2)",
      pools: [],
      service: {},
      event:
        'Warning AllocationFailed: Failed to allocate IP for "default/web": no address pool is configured: configure one',
    },
    {
      name: "no clusterIP (step 3)",
      pools: [V4],
      service: { clusterIPs: [] },
      event:
        'Warning AllocationFailed: Failed to allocate IP for "default/web": the Service has no clusterIP: leave spec.clusterIP to the API server',
    },
    {
      name: "RequireDualStack on a single-stack cluster (step 4)",
      pools: [DUAL],
      service: { ipFamilyPolicy: "RequireDualStack" as const },
      event:
        'Warning not enough clusterips: Failed to allocate IP for "default/web": ipFamilyPolicy is RequireDualStack and there is only one clusterIP: use a dual-stack cluster, or ask for PreferDualStack',
    },
    {
      name: "a clusterIP that is none (step 10)",
      pools: [V4],
      service: { clusterIPs: ["None"] },
      event:
        'Warning AllocationFailed: Failed to allocate IP for "default/web": clusterIPs are ["None"], not one address or one of each family: leave spec.clusterIPs to the API server',
    },
    {
      name: "no pool of its family (step 10)",
      pools: [V4],
      service: IPV6,
      event:
        'Warning AllocationFailed: Failed to allocate IP for "default/web": no available IPs: pool "v4": it has no IPv6 addresses: add addresses to a pool, or delete Services that do not need theirs',
    },
  ])("is told once: $name", ({ pools, service, event }) => {
    const allocator = allocatorWith(...pools);
    const web = serviceOf("web", service);
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome: "pending", addresses: "", events: [event] });
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome: "pending", addresses: "", events: [] });
  });

  it("names each pool, and those with the same reason together", () => {
    const allocator = allocatorWith(
      poolOf("a-manual", ["198.51.100.1-198.51.100.9"], { autoAssign: false }),
      poolOf("b-full", ["192.0.2.1-192.0.2.1"]),
      ...[1, 2, 3, 4].map((n) => poolOf(`v6-${n}`, [`2001:db8:${n}::/64`])),
    );
    allocator.decide(serviceOf("first"));
    const decision = allocator.decide(serviceOf("second"));
    expect(decision).toMatchObject({ refusals: { length: 6 } });
    expect(decision.reason).toBe(
      'no available IPs: pool "b-full": all 1 IPv4 addresses are in use; pools "v6-1", "v6-2", "v6-3", "v6-4": it has ' +
        'no IPv4 addresses; pool "a-manual": autoAssign is false: add addresses to a pool, or delete Services that do ' +
        "not need theirs",
    );
  });

  it("is told again when the reason changed", () => {
    const allocator = allocatorWith(V4);
    const web = serviceOf("web", IPV6);
    allocator.decide(web);
    allocator.useModel(modelOf(poolOf("other", ["192.0.2.1-192.0.2.2"])), { keepAssigned: false });
    expect(outcomeOf(allocator.decide(web)).events).toHaveLength(1);
  });

  it("loses its status when all pools go (step 2)", () => {
    const allocator = allocatorWith(V4);
    const web = performed(serviceOf("web"), allocator.decide(serviceOf("web")));
    allocator.useModel(modelOf(), { keepAssigned: false });
    expect(allocator.decide(web).outcome).toBe("pending");
    expect(allocator.assignment("default/web")).toBeUndefined();
  });
});

describe("a Service that gets an address (step 10)", () => {
  it.each([
    { name: "IPv4", pools: [V4], service: {}, addresses: ["192.0.2.1"] },
    { name: "IPv6", pools: [DUAL], service: IPV6, addresses: ["2001:db8::1"] },
    { name: "both, IPv4 first", pools: [DUAL], service: DUAL_STACK, addresses: ["192.0.2.1", "2001:db8::1"] },
    {
      name: "both, IPv4 first, whatever the order of its families",
      pools: [DUAL],
      service: { ...DUAL_STACK, clusterIPs: ["fd00::1", "10.96.0.1"], ipFamilies: ["IPv6", "IPv4"] as const },
      addresses: ["192.0.2.1", "2001:db8::1"],
    },
  ])("$name", ({ pools, service, addresses }) => {
    const allocator = allocatorWith(...pools);
    expect(allocator.decide(serviceOf("web", service))).toMatchObject({
      outcome: "assigned",
      addresses,
      pool: pools[0]?.name,
      events: [
        {
          type: "Normal",
          reason: "IPAllocated",
          message: `Assigned IP [${addresses.map((text) => `"${text}"`).join(" ")}]`,
        },
      ],
    });
    expect(allocator.assignment("default/web")).toEqual({ addresses, pool: pools[0]?.name });
  });

  it("keeps it before and after the status shows it, without another Event", () => {
    const allocator = allocatorWith(V4);
    const web = serviceOf("web");
    const first = allocator.decide(web);
    allocator.release("default/nobody");
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
    const shown = allocator.decide(performed(web, first));
    expect(outcomeOf(shown)).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
  });

  it("is not thrown back by a status from before the decision", () => {
    const allocator = allocatorWith(V4, poolOf("other", ["198.51.100.1-198.51.100.9"]));
    const web = serviceOf("web", { ingress: ["192.0.2.1"] });
    allocator.adopt(web);
    const moved = { ...web, annotations: { "metallb.io/address-pool": "other" } };
    expect(outcomeOf(allocator.decide(moved)).addresses).toBe("198.51.100.1");
    allocator.decide(serviceOf("next", { loadBalancerIP: "192.0.2.1" }));
    expect(outcomeOf(allocator.decide(moved))).toEqual({ outcome: "assigned", addresses: "198.51.100.1", events: [] });
  });

  it("does not come back to an address that it lost, when its status still shows it", () => {
    const allocator = allocatorWith(poolOf("one", ["192.0.2.1-192.0.2.1"]));
    const sharing = { annotations: { "metallb.io/allow-shared-ip": "key" }, ingress: ["192.0.2.1"] };
    const [a, b] = [serviceOf("a", sharing), serviceOf("b", { ...sharing, ports: ["TCP/81"] })];
    for (const service of [a, b]) allocator.adopt(service);
    for (const service of [a, b]) allocator.decide(service);
    const edited = { ...b, ports: a.ports };
    expect(allocator.decide(edited).outcome).toBe("pending");
    expect(allocator.decide(edited).outcome).toBe("pending");
  });

  it("takes an address that another controller wrote into the status, if it is allowed", () => {
    const allocator = allocatorWith(V4);
    const web = serviceOf("web");
    allocator.decide(web);
    const decision = allocator.decide(serviceOf("web", { ingress: ["192.0.2.3"] }));
    expect(outcomeOf(decision)).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.3",
      events: [],
    });
    expect(outcomeOf(allocator.decide(serviceOf("next"))).addresses).toBe("192.0.2.1");
  });
});

describe("families of the current addresses (step 5)", () => {
  it("counts entries with only a host name as none", () => {
    const allocator = allocatorWith(V4);
    const web = { ...serviceOf("web"), ingress: [{ hostname: "lb.example.com" }] };
    expect(outcomeOf(allocator.decide(web)).addresses).toBe("192.0.2.1");
  });

  it("keeps what it has when the family of the clusterIPs cannot be told (5b)", () => {
    const allocator = allocatorWith(V4);
    const web = serviceOf("web", { clusterIPs: ["None"], ingress: ["192.0.2.3"] });
    expect(outcomeOf(allocator.decide(web))).toEqual({
      outcome: "kept",
      addresses: "192.0.2.3",
      events: [
        'Warning noclusterIPsIPFamily: Cannot tell the family of default/web: clusterIPs are ["None"], not one address or one of each family',
      ],
    });
  });

  it.each([
    {
      name: "another family than the clusterIP's (5c)",
      service: { ...IPV6, ingress: ["192.0.2.2"] },
      addresses: "2001:db8::1",
      reasons: ["ClearAssignment", "IPAllocated"],
    },
    {
      name: "two of one family (5a)",
      service: { ingress: ["192.0.2.3", "192.0.2.2"] },
      addresses: "192.0.2.3",
      reasons: ["nolbIPsIPFamily", "ClearAssignment"],
    },
    {
      name: "a family that the Service has no longer",
      service: { ingress: ["2001:db8::2", "192.0.2.2"] },
      addresses: "192.0.2.2",
      reasons: ["ClearAssignment"],
    },
    {
      name: "one of two that are required, and keeps it",
      service: { ...DUAL_STACK, ingress: ["192.0.2.3"] },
      addresses: "192.0.2.3,2001:db8::1",
      reasons: ["IPAllocated"],
    },
    {
      name: "one of two that are preferred, and keeps it (9)",
      service: { ...PREFER_DUAL_STACK, ingress: ["2001:db8::3"] },
      addresses: "2001:db8::3,192.0.2.1",
      reasons: ["IPAllocated"],
    },
    {
      name: "both in its own order, and keeps it",
      service: { ...PREFER_DUAL_STACK, ingress: ["2001:db8::3", "192.0.2.3"] },
      addresses: "2001:db8::3,192.0.2.3",
      reasons: [],
    },
  ])("has $name", ({ service, addresses, reasons }) => {
    const decision = allocatorWith(DUAL).decide({
      ...serviceOf("web", service),
      annotations: { "metallb.io/ip-allocated-from-pool": "dual" },
    });
    expect(outcomeOf(decision)).toMatchObject({ outcome: "assigned", addresses });
    expect("events" in decision && decision.events.map(({ reason }) => reason)).toEqual(reasons);
  });

  it("continues with one where the pool has no other family to add (9)", () => {
    const allocator = allocatorWith(V4, poolOf("v6", ["2001:db8::/64"]));
    const web = serviceOf("web", { ...PREFER_DUAL_STACK, ingress: ["192.0.2.2"] });
    const events = [
      'Normal AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: no available IPs in pool "v4": it has no IPv6 addresses: add addresses to the pool',
    ];
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome: "assigned", addresses: "192.0.2.2", events });
    expect(outcomeOf(allocator.decide(web)).events).toEqual([]);
  });

  it("moves to a pool with both where both are required, or stays and is told", () => {
    const allocator = allocatorWith(V4, poolOf("w-dual", ["198.51.100.1-198.51.100.1", "2001:db8::1-2001:db8::1"]));
    const [a, b] = ["a", "b"].map((name) =>
      serviceOf(name, { ...DUAL_STACK, ingress: [`192.0.2.${name === "a" ? 1 : 2}`] }),
    );
    if (a === undefined || b === undefined) throw new Error("unreachable");
    expect(outcomeOf(allocator.decide(a)).addresses).toBe("198.51.100.1,2001:db8::1");
    expect(outcomeOf(allocator.decide(b))).toMatchObject({ outcome: "kept", addresses: "192.0.2.2" });
  });
});

describe("what is not allowed any more (steps 6 to 8)", () => {
  const BOTH = [V4, poolOf("w", ["198.51.100.1-198.51.100.2"])];
  it.each([
    {
      name: "an address outside every pool",
      service: { ingress: ["203.0.113.1"] },
      outcome: "assigned",
      addresses: "192.0.2.1",
      events: [
        'Normal ClearAssignment: current IP for "default/web" not allowed by config, will attempt for new IP assignment: ["203.0.113.1"] is not allowed in config: no pool has it: add it to a pool, or ask for an address of a pool',
        'Normal IPAllocated: Assigned IP ["192.0.2.1"]',
      ],
    },
    {
      name: "a pool that it does not ask for (7)",
      service: { ingress: ["192.0.2.3"], annotations: { "metallb.io/address-pool": "w" } },
      outcome: "assigned",
      addresses: "198.51.100.1",
      events: ['Normal IPAllocated: Assigned IP ["198.51.100.1"]'],
    },
    {
      name: "a request that cannot be read (8)",
      service: { ingress: ["192.0.2.3"], annotations: { "metallb.io/loadBalancerIPs": "192.0.2.300" } },
      outcome: "kept",
      addresses: "192.0.2.3",
      events: [
        'Warning LoadBalancerFailed: invalid requested loadbalancer IPs: invalid address "192.0.2.300": write an IPv4 or IPv6 address, or two separated by a comma',
      ],
    },
    {
      name: "a request for another address (8a)",
      service: { ingress: ["192.0.2.3"], loadBalancerIP: "192.0.2.4" },
      outcome: "assigned",
      addresses: "192.0.2.4",
      events: ['Normal IPAllocated: Assigned IP ["192.0.2.4"]'],
    },
    {
      name: "a request for an address that no pool has: what worked goes on working",
      service: { ingress: ["192.0.2.3"], loadBalancerIP: "203.0.113.1" },
      outcome: "kept",
      addresses: "192.0.2.3",
      events: [
        'Warning AllocationFailed: Failed to allocate IP for "default/web": ["203.0.113.1"] is not allowed in config: no pool has it: add it to a pool, or ask for an address of a pool',
      ],
    },
    {
      name: "a request for a pool that does not exist: what worked goes on working",
      service: { ingress: ["192.0.2.3"], annotations: { "metallb.io/address-pool": "typo" } },
      outcome: "kept",
      addresses: "192.0.2.3",
      events: [
        'Warning AllocationFailed: Failed to allocate IP for "default/web": unknown pool "typo": name a pool of the configuration',
      ],
    },
  ])("has $name", ({ service, outcome, addresses, events }) => {
    const allocator = allocatorWith(...BOTH);
    const web = serviceOf("web", service);
    allocator.adopt(web);
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome, addresses, events });
    expect(allocator.assignment("default/web")?.addresses.join()).toBe(addresses);
    expect(outcomeOf(allocator.decide(web))).toEqual({ outcome, addresses, events: [] });
  });
});

describe("deprecated annotations", () => {
  const DEPRECATED = { "metallb.universe.tf/address-pool": "v4", "metallb.universe.tf/allow-shared-ip": "key" };
  it("are named when the Service is changed, and not when nothing changes", () => {
    const allocator = allocatorWith(V4);
    const web = serviceOf("web", { annotations: DEPRECATED });
    const decision = allocator.decide(web);
    expect(outcomeOf(decision).events).toEqual([
      'Normal IPAllocated: Assigned IP ["192.0.2.1"]',
      "Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool",
      "Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/allow-shared-ip",
    ]);
    expect(outcomeOf(allocator.decide(performed(web, decision))).events).toEqual([]);
  });

  it.each([
    { annotations: { ...DEPRECATED, "metallb.io/address-pool": "" }, addresses: "198.51.100.1" },
    { annotations: { ...DEPRECATED, "metallb.io/address-pool": "v4" }, addresses: "192.0.2.1" },
    { annotations: DEPRECATED, addresses: "192.0.2.1" },
  ])("give way to the current key even where that is empty: $annotations", ({ annotations, addresses }) => {
    const allocator = allocatorWith(V4, poolOf("a-first", ["198.51.100.1-198.51.100.9"]));
    expect(outcomeOf(allocator.decide(serviceOf("web", { annotations }))).addresses).toBe(addresses);
  });
});
