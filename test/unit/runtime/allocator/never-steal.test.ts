import { describe, expect, it } from "vitest";
import type { Allocator } from "../../../../src/runtime/allocator/allocator.js";
import type { NodeAddresses } from "../../../../src/runtime/allocator/withheld.js";
import { allocatorWith, DUAL_STACK, modelOf, outcomeOf, performed, poolOf, serviceOf } from "./fixtures.js";

const POOL = poolOf("p", ["192.0.2.1-192.0.2.4", "2001:db8::1-2001:db8::2"]);
const node = (name: string, internalIPs: readonly string[], externalIPs?: readonly string[]): NodeAddresses => ({
  name,
  internalIPs,
  ...(externalIPs !== undefined && { externalIPs }),
});
const sharing = (ports: readonly string[]): Parameters<typeof serviceOf>[1] => ({
  annotations: { "metallb.io/allow-shared-ip": "k" },
  ports,
});

/** The addresses that Services named after the letters get, in this order. */
const given = (allocator: Allocator, names: string): string[] =>
  [...names].map((name) => outcomeOf(allocator.decide(serviceOf(name))).addresses || "none");

describe("an address of a Node", () => {
  it("is given to nobody, whatever its type and its spelling", () => {
    const allocator = allocatorWith(POOL);
    const nodes = [node("n1", ["192.0.2.1", "2001:DB8:0::1"], ["192.0.2.3"]), node("n2", ["10.0.0.1", "none"])];
    expect(allocator.useNodeAddresses(nodes)).toEqual([]);
    expect(given(allocator, "abc")).toEqual(["192.0.2.2", "192.0.2.4", "none"]);
    const six = outcomeOf(allocator.decide(serviceOf("six", { clusterIPs: ["fd00::1"] })));
    expect(six.addresses).toBe("2001:db8::2");
  });

  it("is in the reason of who gets none", () => {
    const allocator = allocatorWith(POOL);
    const full = 'no available IPs: pool "p": all 4 IPv4 addresses are in use';
    const reason = (): string => allocator.decide(serviceOf("e")).reason;
    given(allocator, "abcd");
    expect(reason()).toContain(`${full}: `);
    allocator.release("default/a");
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    expect(reason()).toContain(`${full}, 1 of them by a Node or another machine: `);
  });

  it.each([
    { name: "by the field", service: { loadBalancerIP: "192.0.2.1" } },
    { name: "by the annotation", service: { annotations: { "metallb.io/loadBalancerIPs": "192.0.2.1" } } },
    {
      name: "beside another one",
      service: { ...DUAL_STACK, annotations: { "metallb.io/loadBalancerIPs": "192.0.2.1,2001:db8::2" } },
    },
  ])("is refused to who asks for it $name, with the reason", ({ service }) => {
    const allocator = allocatorWith(POOL);
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    expect(allocator.decide(serviceOf("web", service))).toMatchObject({
      outcome: "pending",
      reason: '"192.0.2.1" is an address of node n1: ask for another address, and take it out of the pool',
    });
    const before = allocator.vacancies();
    expect(allocator.useNodeAddresses([])).toEqual([]);
    expect(allocator.vacancies()).toBeGreaterThan(before);
    expect(outcomeOf(allocator.decide(serviceOf("web", service))).addresses).toContain("192.0.2.1");
  });

  it("stays with the Service that has it already, which is told once, and nobody joins it there", () => {
    const allocator = allocatorWith(POOL);
    const web = serviceOf("web", sharing(["TCP/80"]));
    const shown = performed(web, allocator.decide(web));
    allocator.observe(shown);
    expect(allocator.useNodeAddresses([node("n1", ["192.0.2.1"])])).toEqual(["default/web"]);
    const told = {
      outcome: "assigned",
      addresses: "192.0.2.1",
      events: [
        'Warning AddressConflict: "default/web" keeps "192.0.2.1", which is an address of node n1: take it out of the pool and ask for another address',
      ],
    };
    expect(outcomeOf(allocator.decide(shown))).toEqual(told);
    expect(outcomeOf(allocator.decide(shown))).toEqual({ ...told, events: [] });
    expect(outcomeOf(allocator.decide(serviceOf("joins", sharing(["TCP/81"])))).addresses).toBe("192.0.2.2");
    allocator.release("default/web");
    expect(given(allocator, "abc")).toEqual(["192.0.2.3", "192.0.2.4", "none"]);
  });

  it("is taken back from who was given it just now, and no status has shown it yet", () => {
    const allocator = allocatorWith(POOL);
    allocator.decide(serviceOf("web"));
    expect(allocator.useNodeAddresses([node("n1", ["192.0.2.1"])])).toEqual(["default/web"]);
    const late = serviceOf("web", { ingress: ["192.0.2.1"] }); // the write came through nevertheless
    expect(outcomeOf(allocator.decide(late))).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.2",
      events: [
        'Normal ClearAssignment: "192.0.2.1" was given to "default/web" and is an address of node n1: will attempt for new IP assignment',
        'Normal IPAllocated: Assigned IP ["192.0.2.2"]',
      ],
    });
  });

  it("stays with who has it over a restart", () => {
    const allocator = allocatorWith(POOL);
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    const web = serviceOf("web", { ingress: ["192.0.2.1"], annotations: { "metallb.io/ip-allocated-from-pool": "p" } });
    allocator.adopt(web);
    expect(outcomeOf(allocator.decide(web))).toMatchObject({ addresses: "192.0.2.1", events: { length: 1 } });
  });

  it("is refused also to who had it, was moved away by another controller, and asks for it", () => {
    const allocator = allocatorWith(POOL);
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    allocator.adopt(serviceOf("web", { ingress: ["192.0.2.1"] }));
    const moved = serviceOf("web", { ingress: ["192.0.2.3"], loadBalancerIP: "192.0.2.1" });
    expect(outcomeOf(allocator.decide(moved))).toMatchObject({ outcome: "kept", addresses: "192.0.2.3" });
  });

  it("is not given back to who had it and lost its status to another controller", () => {
    const allocator = allocatorWith(POOL);
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    allocator.adopt(serviceOf("web", { ingress: ["192.0.2.1"] }));
    expect(outcomeOf(allocator.decide(serviceOf("web"))).addresses).toBe("192.0.2.2");
  });

  it("can be shared and given out again when the Node is gone", () => {
    const allocator = allocatorWith(POOL);
    const web = serviceOf("web", sharing(["TCP/80"]));
    allocator.observe(performed(web, allocator.decide(web)));
    allocator.useNodeAddresses([node("n1", ["192.0.2.1", "192.0.2.2"])]);
    expect(outcomeOf(allocator.decide(serviceOf("a", sharing(["TCP/81"])))).addresses).toBe("192.0.2.3");
    expect(allocator.useNodeAddresses([node("n1", ["10.0.0.1"])])).toEqual(["default/web"]);
    expect(outcomeOf(allocator.decide(web)).events).toEqual([]);
    expect(outcomeOf(allocator.decide(serviceOf("b", sharing(["TCP/81"])))).addresses).toBe("192.0.2.1");
    expect(given(allocator, "c")).toEqual(["192.0.2.2"]);
  });

  it("stays out of reach in the pools of another model", () => {
    const allocator = allocatorWith(poolOf("q", ["198.51.100.0/24"]));
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    allocator.useModel(modelOf(POOL), { keepAssigned: false });
    expect(given(allocator, "a")).toEqual(["192.0.2.2"]);
    allocator.useNodeAddresses([]);
    expect(given(allocator, "b")).toEqual(["192.0.2.1"]);
  });
});

describe("an address that another machine answers for", () => {
  it("is given to nobody and named to who asks for it, and so is a Node's beside it", () => {
    const allocator = allocatorWith(POOL);
    allocator.useAnsweredAddresses([{ address: "192.0.2.2", machine: "02:00:00:00:00:07" }]);
    allocator.useNodeAddresses([node("n1", ["192.0.2.1"])]);
    expect(given(allocator, "a")).toEqual(["192.0.2.3"]);
    expect(allocator.decide(serviceOf("wants", { loadBalancerIP: "192.0.2.2" })).reason).toBe(
      '"192.0.2.2" is answered for by another machine on the network (02:00:00:00:00:07): ask for another address, and take it out of the pool',
    );
    allocator.useAnsweredAddresses([]);
    expect(given(allocator, "bc")).toEqual(["192.0.2.2", "192.0.2.4"]);
  });
});

describe("what a Service has no longer", () => {
  it("is nobody else's until the status of the Service has been written", () => {
    const allocator = allocatorWith(POOL);
    const web = performed(serviceOf("web"), allocator.decide(serviceOf("web")));
    const wants = serviceOf("wants", { loadBalancerIP: "192.0.2.1" });
    const moved = { ...web, loadBalancerIP: "192.0.2.4" };
    expect(outcomeOf(allocator.decide(moved)).addresses).toBe("192.0.2.4");
    expect(allocator.decide(wants).outcome).toBe("pending");
    expect(given(allocator, "a")).toEqual(["192.0.2.2"]);
    const before = allocator.vacancies();
    allocator.written("default/web");
    expect(allocator.vacancies()).toBeGreaterThan(before);
    expect(outcomeOf(allocator.decide(wants)).addresses).toBe("192.0.2.1");
  });

  it("is nobody else's while a status is to be cleared, and its own again when it may have it after all", () => {
    const scope = { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [] };
    const mine = { ...scope, serviceSelectors: [{ matchLabels: [["tier", "x"] as const], matchExpressions: [] }] };
    const allocator = allocatorWith(poolOf("p", ["192.0.2.1-192.0.2.1"], { serviceAllocation: mine }));
    const fits = serviceOf("web", { labels: { tier: "x" } });
    const shown = performed(fits, allocator.decide(fits));
    expect(allocator.decide({ ...shown, labels: {} }).outcome).toBe("pending");
    expect(allocator.decide(serviceOf("next", { labels: { tier: "x" } })).outcome).toBe("pending");
    expect(outcomeOf(allocator.decide(shown))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
  });

  it("is free at once when the Service is deleted, or no LoadBalancer any more", () => {
    const allocator = allocatorWith(POOL);
    const [a, b] = ["a", "b"].map((name) => performed(serviceOf(name), allocator.decide(serviceOf(name))));
    if (a === undefined || b === undefined) throw new Error("unreachable");
    allocator.decide({ ...a, loadBalancerIP: "192.0.2.3" });
    expect(allocator.release("default/a").toSorted()).toEqual(["192.0.2.1", "192.0.2.3"]);
    allocator.decide({ ...b, type: "ClusterIP" });
    expect(given(allocator, "cde")).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  });
});

describe("one address given to two by two controllers in the same moment", () => {
  const theirs = serviceOf("theirs", {
    ingress: ["192.0.2.1"],
    annotations: { "metallb.io/ip-allocated-from-pool": "p" },
  });

  it("is taken back from ours, which is told why", () => {
    const allocator = allocatorWith(POOL);
    const ours = serviceOf("ours");
    allocator.decide(ours); // 192.0.2.1, not written yet
    expect(outcomeOf(allocator.decide(theirs))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
    expect(allocator.disturbed()).toEqual(["default/ours"]);
    expect(allocator.disturbed()).toEqual([]);
    const late = { ...ours, ingress: [{ ip: "192.0.2.1" }] }; // our write came through nevertheless
    expect(outcomeOf(allocator.decide(late))).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.2",
      events: [
        'Normal ClearAssignment: "192.0.2.1" was given to "default/ours" and, in the same moment, by another controller to default/theirs, which keeps it: will attempt for new IP assignment',
        'Normal IPAllocated: Assigned IP ["192.0.2.2"]',
      ],
    });
  });

  it("is kept by ours once its status has shown it: the other one is the newcomer, and gets another", () => {
    const allocator = allocatorWith(POOL);
    const ours = serviceOf("ours");
    allocator.observe(performed(ours, allocator.decide(ours)));
    expect(outcomeOf(allocator.decide(theirs))).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.2",
      events: [
        expect.stringMatching(/^Normal ClearAssignment: .* address also in use by default\/ours/) as unknown,
        'Normal IPAllocated: Assigned IP ["192.0.2.2"]',
      ],
    });
    expect(allocator.disturbed()).toEqual([]);
  });

  it("is no matter where the two may share it", () => {
    const allocator = allocatorWith(POOL);
    allocator.decide(serviceOf("ours", sharing(["TCP/80"])));
    allocator.decide(serviceOf("theirs", { ...sharing(["TCP/81"]), ingress: ["192.0.2.1"] }));
    expect(allocator.disturbed()).toEqual([]);
    expect(allocator.assignment("default/ours")?.addresses).toEqual(["192.0.2.1"]);
  });

  it("is taken back also for a Service of another class", () => {
    const allocator = allocatorWith(POOL);
    allocator.decide(serviceOf("ours"));
    allocator.decide({ ...theirs, loadBalancerClass: "example.com/lb" });
    expect(allocator.disturbed()).toEqual(["default/ours"]);
    expect(outcomeOf(allocator.decide(serviceOf("ours"))).addresses).toBe("192.0.2.2");
  });

  it("is kept where a Service of another class shows it later, and its owner is told", () => {
    const allocator = allocatorWith(POOL);
    const ours = performed(serviceOf("ours"), allocator.decide(serviceOf("ours")));
    allocator.observe(ours);
    const foreign = { ...theirs, loadBalancerClass: "example.com/lb" };
    for (let time = 0; time < 2; time += 1) {
      allocator.decide(foreign);
      expect(allocator.disturbed()).toEqual(time === 0 ? ["default/ours"] : []);
    }
    expect(outcomeOf(allocator.decide(ours))).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.1",
      events: [
        'Warning AddressConflict: "default/ours" keeps "192.0.2.1", which default/theirs of another load balancer class has too: ask for another address for one',
      ],
    });
  });
});
