import { describe, expect, it } from "vitest";
import { allocatorWith, modelOf, outcomeOf, poolOf, serviceOf } from "./fixtures.js";

const OLD = poolOf("old", ["192.0.2.1-192.0.2.9"]);
const KEEP = { keepAssigned: true } as const;
const DROP = { keepAssigned: false } as const;

const started = () => {
  const allocator = allocatorWith(OLD);
  for (const name of ["b", "a"]) allocator.decide(serviceOf(name));
  return allocator; // b has 192.0.2.1, a has 192.0.2.2
};

describe("useModel()", () => {
  it("with keepAssigned refuses a model without room for what is in use, whole", () => {
    const allocator = started();
    const result = allocator.useModel(
      modelOf(poolOf("new", ["192.0.2.2-192.0.2.9"]), poolOf("x", ["198.51.100.0/24"])),
      KEEP,
    );
    expect(result).toEqual({ ok: false, fault: [{ service: "default/b", address: "192.0.2.1", pool: "old" }] });
    expect(outcomeOf(allocator.decide(serviceOf("c"))).addresses).toBe("192.0.2.3");
    expect(allocator.usage().map(({ pool }) => pool)).toEqual(["old"]);
  });

  it("names all Services that would be stranded, in order", () => {
    const result = started().useModel(modelOf(), KEEP);
    expect(!result.ok && result.fault.map(({ service }) => service)).toEqual(["default/a", "default/b"]);
  });

  it.each([KEEP, DROP])("moves Services over to a pool of another name with the same addresses, %j", (options) => {
    const allocator = started();
    expect(allocator.useModel(modelOf(poolOf("renamed", ["192.0.2.0/24"])), options)).toEqual({
      ok: true,
      value: undefined,
    });
    const web = serviceOf("b", { ingress: ["192.0.2.1"], annotations: { "metallb.io/ip-allocated-from-pool": "old" } });
    expect(allocator.decide(web)).toMatchObject({
      outcome: "assigned",
      pool: "renamed",
      addresses: ["192.0.2.1"],
      events: [],
    });
    expect(allocator.usage()).toMatchObject([{ pool: "renamed", inUseIPv4: 2 }]);
  });

  it("without keepAssigned gives those without a place another address", () => {
    const allocator = started();
    expect(allocator.useModel(modelOf(poolOf("new", ["192.0.2.2-192.0.2.9"])), DROP).ok).toBe(true);
    expect(allocator.assignment("default/b")).toEqual({ addresses: ["192.0.2.1"], pool: undefined });
    expect(outcomeOf(allocator.decide(serviceOf("b", { ingress: ["192.0.2.1"] })))).toMatchObject({
      outcome: "assigned",
      addresses: "192.0.2.3",
      events: [
        expect.stringContaining("Normal ClearAssignment: ") as unknown,
        'Normal IPAllocated: Assigned IP ["192.0.2.3"]',
      ],
    });
  });

  it("takes what is left out by avoidBuggyIPs for no room", () => {
    const allocator = allocatorWith(poolOf("p", ["192.0.2.0/24"]));
    allocator.decide(serviceOf("web"));
    const result = allocator.useModel(modelOf(poolOf("p", ["192.0.2.0/24"], { avoidBuggyIPs: true })), KEEP);
    expect(result).toEqual({ ok: false, fault: [{ service: "default/web", address: "192.0.2.0", pool: "p" }] });
  });

  it("takes two pools for no room where one had both addresses of a Service", () => {
    const allocator = allocatorWith(poolOf("p", ["192.0.2.1-192.0.2.9", "2001:db8::/64"]));
    const dual = { clusterIPs: ["10.96.0.1", "fd00::1"], ipFamilyPolicy: "RequireDualStack" } as const;
    allocator.decide(serviceOf("web", dual));
    const result = allocator.useModel(
      modelOf(poolOf("p", ["192.0.2.1-192.0.2.9"]), poolOf("q", ["2001:db8::/64"])),
      KEEP,
    );
    expect(result).toEqual({ ok: false, fault: [{ service: "default/web", address: "2001:db8::", pool: "p" }] });
  });

  it("does not count what had no place before either", () => {
    const allocator = allocatorWith(OLD);
    allocator.adopt(serviceOf("web", { ingress: ["203.0.113.1"] }));
    expect(allocator.useModel(modelOf(OLD), KEEP).ok).toBe(true);
  });

  it("lets sharing go on in the pools of the new model", () => {
    const allocator = allocatorWith(poolOf("p", ["192.0.2.1-192.0.2.1"]));
    const annotations = { "metallb.io/allow-shared-ip": "k" };
    allocator.decide(serviceOf("a", { annotations }));
    allocator.useModel(modelOf(poolOf("q", ["192.0.2.1-192.0.2.1"])), DROP);
    const joining = serviceOf("b", { annotations, ports: ["TCP/81"] });
    expect(allocator.decide(joining)).toMatchObject({ outcome: "assigned", pool: "q" });
  });

  it("tells that waiting Services are worth deciding again", () => {
    const allocator = started();
    const before = allocator.vacancies();
    allocator.useModel(modelOf(OLD), DROP);
    expect(allocator.vacancies()).toBeGreaterThan(before);
  });
});
