import { DUAL_STACK } from "../allocator/fixtures.js";
import { checkRules, type ServiceSpec } from "./rule-table.js";

const V4 = ["192.0.2.1-192.0.2.4"];
const failed = (name: string, why: RegExp | string): RegExp =>
  new RegExp(
    `^default/${name} AllocationFailed: Failed to allocate IP for "default/${name}": ${typeof why === "string" ? why : why.source}`,
  );

// Sharing.
const k = (rest: ServiceSpec = {}): ServiceSpec => ({ ...rest, asks: { "allow-shared-ip": "k", ...rest.asks } });
const local = { externalTrafficPolicy: "Local", selector: { app: "web" } } as const;
checkRules([
  ...[
    { name: "another port", a: k(), b: k({ ports: ["TCP/81"] }), share: true },
    { name: "the same port of another protocol", a: k(), b: k({ ports: ["UDP/80"] }), share: true },
    { name: "a port in common", a: k(), b: k({ ports: ["TCP/80", "TCP/81"] }), share: false },
    { name: "other keys", a: k(), b: { ports: ["TCP/81"], asks: { "allow-shared-ip": "l" } }, share: false },
    { name: "no keys", a: {}, b: { ports: ["TCP/81"] }, share: false },
    { name: "both Local, one selector", a: k(local), b: k({ ...local, ports: ["TCP/81"] }), share: true },
    {
      name: "both Local, two selectors",
      a: k(local),
      b: k({ ...local, selector: { app: "x" }, ports: ["TCP/81"] }),
      share: false,
    },
    { name: "Local with a selector and Cluster", a: k(local), b: k({ ports: ["TCP/81"] }), share: false },
    {
      name: "Local without a selector and Cluster",
      a: k({ ...local, selector: {} }),
      b: k({ ports: ["TCP/81"] }),
      share: true,
    },
  ].map(({ name, a, b, share }) => ({
    rule: "§1.5",
    name: `${name}: ${share ? "may" : "may not"} share`,
    pools: { p: ["192.0.2.1/32"] },
    services: { a, b },
    gives: share ? { a: "192.0.2.1", b: "192.0.2.1" } : { a: "192.0.2.1" },
  })),
  {
    rule: "§1.5 only user",
    name: "may change its keys",
    pools: { p: V4 },
    services: { a: k() },
    after: ({ edit }) => edit("a", { asks: { "allow-shared-ip": "other" }, ports: ["TCP/8080"] }),
    gives: { a: "192.0.2.1" },
    tells: [],
  },
  {
    rule: "§1.5 messages",
    name: "one of two users changes its key: who is in the way is named, and it gets another address",
    pools: { p: V4 },
    services: { a: k(), b: k({ ports: ["TCP/81"] }) },
    after: ({ edit }) => edit("a", {}),
    gives: { a: "192.0.2.2", b: "192.0.2.1" },
    tells: [
      /a ClearAssignment: .*can't change sharing key for "default\/a", address also in use by default\/b/,
      /a IPAllocated/,
    ],
  },
  {
    rule: "§1.5 messages",
    name: "an address with a port in use is asked for: who has it is named",
    pools: { p: V4 },
    services: { a: k(), b: k({ loadBalancerIP: "192.0.2.1" }) },
    gives: { a: "192.0.2.1" },
    tells: [failed("b", /port TCP\/80 is already in use on "192.0.2.1" by default\/a/), /a IPAllocated/],
  },
  {
    rule: "§1.5",
    name: "goes by neither pool nor protocol of announcement, and for both addresses of a pair",
    pools: { p: ["192.0.2.1/32", "2001:db8::1/128"] },
    services: { a: k(DUAL_STACK), b: k({ ...DUAL_STACK, ports: ["TCP/81"] }), c: k({ ports: ["TCP/82"] }) },
    gives: { a: "192.0.2.1,2001:db8::1", b: "192.0.2.1,2001:db8::1", c: "192.0.2.1" },
  },
]);
