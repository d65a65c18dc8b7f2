import { describe, expect, it } from "vitest";
import { allocatorWith, outcomeOf, poolOf, serviceOf } from "./fixtures.js";

const POOL = poolOf("p", ["192.0.2.1-192.0.2.9"]);
const FROM_POOL = { "metallb.io/ip-allocated-from-pool": "p" };

describe("after a start", () => {
  it("nobody is given an address that another one has, whoever comes first", () => {
    const allocator = allocatorWith(POOL);
    const holder = serviceOf("z-holder", { ingress: ["192.0.2.1"] });
    const fresh = serviceOf("a-fresh");
    for (const service of [fresh, holder]) allocator.adopt(service);
    expect(outcomeOf(allocator.decide(fresh)).addresses).toBe("192.0.2.2");
    expect(outcomeOf(allocator.decide(holder))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
  });

  it("an address outside the pools is nobody else's, and is replaced when its Service is decided", () => {
    const allocator = allocatorWith(POOL);
    const web = serviceOf("web", { ingress: ["203.0.113.1"] });
    allocator.adopt(web);
    expect(allocator.assignment("default/web")).toEqual({ addresses: ["203.0.113.1"], pool: undefined });
    expect(outcomeOf(allocator.decide(web)).addresses).toBe("192.0.2.1");
  });

  it("a Service that went away meanwhile frees its address", () => {
    const allocator = allocatorWith(POOL);
    allocator.adopt(serviceOf("web", { ingress: ["192.0.2.1"] }));
    allocator.adopt(serviceOf("web", { type: "NodePort", ingress: ["192.0.2.1"] }));
    expect(outcomeOf(allocator.decide(serviceOf("next"))).addresses).toBe("192.0.2.1");
  });

  it("sharing goes on", () => {
    const allocator = allocatorWith(POOL);
    const annotations = { "metallb.io/allow-shared-ip": "k", ...FROM_POOL };
    const a = serviceOf("a", { annotations, ingress: ["192.0.2.1"] });
    const b = serviceOf("b", { annotations, ingress: ["192.0.2.1"], ports: ["TCP/81"] });
    for (const service of [a, b]) allocator.adopt(service);
    for (const service of [a, b]) {
      expect(outcomeOf(allocator.decide(service))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
    }
    expect(outcomeOf(allocator.decide(serviceOf("c", { annotations, ports: ["TCP/82"] }))).addresses).toBe("192.0.2.1");
  });
});

describe("two Services that have one address without a right to share it", () => {
  const holding = (name: string, rest: Parameters<typeof serviceOf>[1] = {}) =>
    serviceOf(name, { annotations: FROM_POOL, ingress: ["192.0.2.1"], ...rest });

  it("both keep it, are told once, and nobody joins them", () => {
    const allocator = allocatorWith(POOL);
    const [a, b] = [holding("a"), holding("b")];
    for (const service of [a, b]) allocator.adopt(service);
    const conflict = (own: string, other: string): string =>
      `Warning AddressConflict: "default/${own}" keeps "192.0.2.1", which default/${other} has with no right to share it: give all of them the same annotation metallb.io/allow-shared-ip, or ask for another address for one`;
    const kept = { outcome: "assigned", addresses: "192.0.2.1" };
    expect(outcomeOf(allocator.decide(a))).toEqual({ ...kept, events: [conflict("a", "b")] });
    expect(outcomeOf(allocator.decide(b))).toEqual({ ...kept, events: [conflict("b", "a")] });
    for (const service of [a, b]) expect(outcomeOf(allocator.decide(service))).toEqual({ ...kept, events: [] });
    const joining = {
      annotations: { "metallb.io/allow-shared-ip": "k" },
      ports: ["TCP/99"],
      loadBalancerIP: "192.0.2.1",
    };
    expect(allocator.decide(serviceOf("c", joining)).outcome).toBe("pending");
  });

  it("keep it also when a port is the trouble", () => {
    const allocator = allocatorWith(POOL);
    const annotations = { ...FROM_POOL, "metallb.io/allow-shared-ip": "k" };
    const [a, b] = [holding("a", { annotations }), holding("b", { annotations })];
    for (const service of [a, b]) allocator.adopt(service);
    expect(outcomeOf(allocator.decide(a)).events).toEqual([
      'Warning AddressConflict: "default/a" keeps "192.0.2.1", which default/b has with port TCP/80 too: give one of them another port, or ask for another address for one',
    ]);
  });

  it("part when one of them asks for another address", () => {
    const allocator = allocatorWith(POOL);
    const [a, b] = [holding("a"), holding("b")];
    for (const service of [a, b]) allocator.adopt(service);
    expect(outcomeOf(allocator.decide({ ...a, loadBalancerIP: "192.0.2.5" })).addresses).toBe("192.0.2.5");
    allocator.written("default/a");
    expect(outcomeOf(allocator.decide(b))).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
  });

  it("keep it while they are edited, one after the other, until they may share it", () => {
    const allocator = allocatorWith(POOL);
    const [a, b] = [holding("a"), holding("b")];
    for (const service of [a, b]) allocator.adopt(service);
    const annotations = { ...FROM_POOL, "metallb.io/allow-shared-ip": "k" };
    const edits = [
      { service: { ...b, annotations }, events: 1 },
      { service: holding("b", { annotations, ports: ["TCP/81"] }), events: 0 },
      { service: { ...a, annotations }, events: 0 },
      { service: holding("b", { annotations, ports: ["TCP/81"] }), events: 0 },
    ];
    for (const { service, events } of edits) {
      const decision = outcomeOf(allocator.decide(service));
      expect(decision).toMatchObject({ outcome: "assigned", addresses: "192.0.2.1", events: { length: events } });
    }
    const joining = serviceOf("c", { annotations, ports: ["TCP/82"] });
    expect(outcomeOf(allocator.decide(joining)).addresses).toBe("192.0.2.1");
  });
});
