import { expect } from "vitest";
import { checkRules } from "./rule-table.js";

const V4 = ["192.0.2.1-192.0.2.4"];
const FROM_P = { "ip-allocated-from-pool": "p" };
const assigned = (name: string, ips: string): string => `default/${name} IPAllocated: Assigned IP [${ips}]`;

// Queue, passes and class.
checkRules([
  {
    rule: "§1.1 order of a full pass",
    name: "who has an address keeps it, wherever it stands in the list",
    pools: { p: V4 },
    services: { fresh: {}, holder: { ingress: ["192.0.2.1"] } },
    gives: { fresh: "192.0.2.2", holder: "192.0.2.1" },
  },
  {
    rule: "§1.1 deleted service",
    name: "its address goes to one that waits",
    pools: { p: ["192.0.2.1/32"] },
    services: { a: {}, b: {} },
    after: ({ remove }) => remove("a"),
    gives: { b: "192.0.2.1" },
    tells: [assigned("b", '"192.0.2.1"')],
  },
  {
    rule: "§1.1 outcome equal",
    name: "nothing is written, nothing is told",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3"], asks: FROM_P } },
    after: ({ edit }) => edit("a", { labels: { touched: "yes" } }),
    gives: { a: "192.0.2.3" },
    tells: [],
    and: ({ writes }) => expect(writes).toEqual([]),
  },
  {
    rule: "§1.1 write",
    name: "one write carries status and annotation",
    pools: { p: V4 },
    services: { a: {} },
    gives: { a: "192.0.2.1" },
    and: ({ writes, stored }) => {
      expect(writes).toEqual(["default/a: 192.0.2.1 from p"]);
      expect(stored.get("default/a")?.annotations).toEqual({ "metallb.io/ip-allocated-from-pool": "p" });
    },
  },
  {
    rule: "§1.1 reprocess-all",
    name: "who waited for a sharing key gets it when the key of the only user changes",
    pools: { p: ["192.0.2.1/32"] },
    services: { a: {}, b: { asks: { "allow-shared-ip": "k" }, ports: ["TCP/81"] } },
    after: ({ edit }) => edit("a", { asks: { "allow-shared-ip": "k" } }),
    gives: { a: "192.0.2.1", b: "192.0.2.1" },
  },
  {
    rule: "§1.1 class",
    name: "only Services without one are served by default",
    pools: { p: V4 },
    services: { a: {}, b: { loadBalancerClass: "example.com/lb" } },
    gives: { a: "192.0.2.1" },
  },
]);

// Annotations.
checkRules([
  {
    rule: "§1.2",
    name: "the present key wins also where it is empty",
    pools: { a: ["198.51.100.1/32"], p: V4 },
    services: { a: { annotations: { "metallb.universe.tf/address-pool": "p" }, asks: { "address-pool": "" } } },
    gives: { a: "198.51.100.1" },
  },
  {
    rule: "§1.2",
    name: "every old key is named when the Service is changed",
    pools: { p: V4 },
    services: {
      a: {
        annotations: { "metallb.universe.tf/address-pool": "p", "metallb.universe.tf/loadBalancerIPs": "192.0.2.2" },
      },
    },
    gives: { a: "192.0.2.2" },
    tells: [
      assigned("a", '"192.0.2.2"'),
      "default/a deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool",
      "default/a deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/loadBalancerIPs",
    ],
  },
  {
    rule: "§1.2",
    name: "and not on a pass that changes nothing",
    pools: { p: V4 },
    services: {
      a: { annotations: { "metallb.universe.tf/address-pool": "p" }, asks: FROM_P, ingress: ["192.0.2.1"] },
    },
    gives: { a: "192.0.2.1" },
    tells: [],
  },
  {
    rule: "§1.2",
    name: "the old source-pool annotation is never touched",
    pools: { p: V4 },
    services: { a: { annotations: { "metallb.universe.tf/ip-allocated-from-pool": "old" } } },
    after: ({ edit }) =>
      edit("a", { type: "ClusterIP", annotations: { "metallb.universe.tf/ip-allocated-from-pool": "old" } }),
    gives: {},
    and: ({ stored }) =>
      expect(stored.get("default/a")?.annotations).toEqual({ "metallb.universe.tf/ip-allocated-from-pool": "old" }),
  },
]);
