import { describe, expect, it } from "vitest";
import type { ServiceView } from "../../../../src/runtime/world/views.js";
import { allocatorWith, outcomeOf, performed, poolOf, serviceOf } from "./fixtures.js";

type Rest = Parameters<typeof serviceOf>[1];
const sharing = (key: string, rest: Rest = {}): Rest => ({
  annotations: { "metallb.io/allow-shared-ip": key },
  ...rest,
});
const ONE = poolOf("one", ["192.0.2.1-192.0.2.1"]);
const SOME = poolOf("some", ["192.0.2.1-192.0.2.9"]);

describe("may the second Service use the address of the first?", () => {
  const local = { externalTrafficPolicy: "Local", selector: { app: "web" } } as const;
  it.each<{ name: string; first: Rest; second: Rest; may: boolean }>([
    { name: "same key, other port", first: sharing("k"), second: sharing("k", { ports: ["TCP/81"] }), may: true },
    { name: "same key, other protocol", first: sharing("k"), second: sharing("k", { ports: ["UDP/80"] }), may: true },
    {
      name: "same key, one port in common",
      first: sharing("k"),
      second: sharing("k", { ports: ["TCP/81", "TCP/80"] }),
      may: false,
    },
    { name: "another key", first: sharing("k"), second: sharing("l", { ports: ["TCP/81"] }), may: false },
    { name: "no key", first: {}, second: { ports: ["TCP/81"] }, may: false },
    { name: "empty keys", first: sharing(""), second: sharing("", { ports: ["TCP/81"] }), may: false },
    {
      name: "one key under either prefix",
      first: { annotations: { "metallb.universe.tf/allow-shared-ip": "k" } },
      second: sharing("k", { ports: ["TCP/81"] }),
      may: true,
    },
    {
      name: "both Local, same selector",
      first: sharing("k", local),
      second: sharing("k", { ...local, ports: ["TCP/81"] }),
      may: true,
    },
    {
      name: "both Local, the same selector in another order",
      first: sharing("k", { ...local, selector: { app: "web", tier: "x" } }),
      second: sharing("k", { ...local, selector: { tier: "x", app: "web" }, ports: ["TCP/81"] }),
      may: true,
    },
    {
      name: "both Local, other selectors",
      first: sharing("k", local),
      second: sharing("k", { ...local, selector: { app: "dns" }, ports: ["TCP/81"] }),
      may: false,
    },
    { name: "Local and Cluster", first: sharing("k", local), second: sharing("k", { ports: ["TCP/81"] }), may: false },
    {
      name: "Local without a selector and Cluster",
      first: sharing("k", { ...local, selector: {} }),
      second: sharing("k", { ports: ["TCP/81"] }),
      may: true,
    },
  ])("$name: $may", ({ first, second, may }) => {
    const allocator = allocatorWith(ONE);
    allocator.decide(serviceOf("first", first));
    expect(outcomeOf(allocator.decide(serviceOf("second", second))).addresses).toBe(may ? "192.0.2.1" : "");
  });
});

describe("choosing an address to share", () => {
  it("prefers the lower one of what is free and what can be shared", () => {
    const allocator = allocatorWith(SOME);
    allocator.decide(serviceOf("plain"));
    allocator.decide(serviceOf("a", sharing("k")));
    expect(outcomeOf(allocator.decide(serviceOf("b", sharing("k", { ports: ["TCP/81"] })))).addresses).toBe(
      "192.0.2.2",
    );
    expect(outcomeOf(allocator.decide(serviceOf("c", sharing("k", { ports: ["TCP/81"] })))).addresses).toBe(
      "192.0.2.3",
    );
    allocator.release("default/plain");
    expect(outcomeOf(allocator.decide(serviceOf("d", sharing("k", { ports: ["TCP/82"] })))).addresses).toBe(
      "192.0.2.1",
    );
  });

  it("sees a port that came back", () => {
    const allocator = allocatorWith(SOME);
    for (const name of ["a", "b", "c"]) allocator.decide(serviceOf(name, sharing("k")));
    allocator.decide(serviceOf("d", sharing("k", { ports: ["TCP/81"] })));
    allocator.release("default/a"); // its port on 192.0.2.1; d stays there
    expect(outcomeOf(allocator.decide(serviceOf("e", sharing("k")))).addresses).toBe("192.0.2.1");
    expect(outcomeOf(allocator.decide(serviceOf("f", sharing("k")))).addresses).toBe("192.0.2.4");
  });

  it("sees an address that came to the others later, below them", () => {
    const allocator = allocatorWith(SOME);
    allocator.decide(serviceOf("plain"));
    for (const name of ["a", "b"]) allocator.decide(serviceOf(name, sharing("k")));
    allocator.release("default/plain");
    allocator.decide(serviceOf("c", sharing("k", { ports: ["TCP/90"], loadBalancerIP: "192.0.2.1" })));
    expect(outcomeOf(allocator.decide(serviceOf("d", sharing("k")))).addresses).toBe("192.0.2.1");
  });

  it("does not free an address while one Service is left on it", () => {
    const allocator = allocatorWith(ONE);
    allocator.decide(serviceOf("a", sharing("k")));
    allocator.decide(serviceOf("b", sharing("k", { ports: ["TCP/81"] })));
    expect(allocator.release("default/a")).toEqual([]);
    expect(allocator.decide(serviceOf("c")).outcome).toBe("pending");
    expect(allocator.release("default/b")).toEqual(["192.0.2.1"]);
    expect(allocator.decide(serviceOf("c")).outcome).toBe("assigned");
  });
});

describe("a Service on an address changes its claim", () => {
  const started = (): Readonly<{
    decide: (view: ServiceView) => ReturnType<typeof outcomeOf>;
    alone: ServiceView;
    a: ServiceView;
  }> => {
    const allocator = allocatorWith(SOME);
    const place = (view: ServiceView): ServiceView => performed(view, allocator.decide(view));
    const alone = place(serviceOf("alone"));
    const a = place(serviceOf("a", sharing("k")));
    place(serviceOf("b", sharing("k", { ports: ["TCP/81"] })));
    return { decide: (view) => outcomeOf(allocator.decide(view)), alone, a };
  };

  it("freely, where it is alone", () => {
    const { decide, alone } = started();
    const edited = { ...alone, annotations: { ...alone.annotations, "metallb.io/allow-shared-ip": "new" } };
    expect(decide(edited)).toEqual({ outcome: "assigned", addresses: "192.0.2.1", events: [] });
  });

  it.each([
    {
      name: "the key",
      edit: { annotations: {} },
      why: 'can\'t change sharing key for "default/a", address also in use by default/b: to share "192.0.2.2" give all of them the same annotation metallb.io/allow-shared-ip, and with externalTrafficPolicy Local the same selector; or use another address',
    },
    {
      name: "a port that the other has",
      edit: { ports: [{ protocol: "TCP", port: 81 }] as const },
      why: 'port TCP/81 is already in use on "192.0.2.2" by default/b: give it another port or another address',
    },
  ])("and leaves others' address: $name", ({ edit, why }) => {
    const { decide, a } = started();
    expect(decide({ ...a, ...edit })).toEqual({
      outcome: "assigned",
      addresses: "192.0.2.3",
      events: [
        `Normal ClearAssignment: current IP for "default/a" not allowed by config, will attempt for new IP assignment: ${why}`,
        'Normal IPAllocated: Assigned IP ["192.0.2.3"]',
      ],
    });
  });
});

describe("vacancies()", () => {
  it("grows when others may find something, and not otherwise", () => {
    const allocator = allocatorWith(SOME);
    const steps: [string, () => unknown, boolean][] = [
      ["a plain Service comes", () => allocator.decide(serviceOf("a")), false],
      ["it is confirmed", () => allocator.decide(serviceOf("a")), false],
      ["a sharing one comes", () => allocator.decide(serviceOf("b", sharing("k"))), true],
      ["one joins it", () => allocator.decide(serviceOf("c", sharing("k", { ports: ["TCP/81"] }))), false],
      ["it gives up a port", () => allocator.decide(serviceOf("b", sharing("k", { ports: ["TCP/82"] }))), true],
      ["one cannot be served", () => allocator.decide(serviceOf("d", { loadBalancerIP: "203.0.113.1" })), false],
      ["nobody goes", () => allocator.release("default/nobody"), false],
      ["one that waits goes", () => allocator.release("default/d"), false],
      ["one that shares goes", () => allocator.release("default/c"), true],
      [
        "one stays with an unmet wish",
        () => allocator.decide(serviceOf("a", { loadBalancerIP: "203.0.113.1" })),
        false,
      ],
      ["one moves", () => allocator.decide(serviceOf("a", { loadBalancerIP: "192.0.2.9" })), false],
      ["its status says so", () => allocator.written("default/a"), true],
      ["and again", () => allocator.written("default/a"), false],
    ];
    for (const [name, step, grows] of steps) {
      const before = allocator.vacancies();
      step();
      expect([name, allocator.vacancies() > before]).toEqual([name, grows]);
    }
  });
});
