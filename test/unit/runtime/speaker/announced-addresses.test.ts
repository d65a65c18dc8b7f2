import { beforeEach, expect, it } from "vitest";
import {
  createAnnouncedAddresses,
  type AnnouncedAddresses,
} from "../../../../src/runtime/speaker/announced-addresses.js";

let calls: string[];
let announced: AnnouncedAddresses;

beforeEach(() => {
  calls = [];
  announced = createAnnouncedAddresses({
    announce: (address, interfaces) => calls.push(`announce ${address} on ${interfaces.join("+") || "all"}`),
    withdraw: (address) => calls.push(`withdraw ${address}`),
    gaugeAnnounced: (service, address, value) => calls.push(`gauge ${service} ${address} ${value}`),
  });
});

const wireCalls = (): string[] => calls.filter((call) => !call.startsWith("gauge"));

it("announces an address once, however many Services share it, and withdraws it with the last", () => {
  announced.update("a/dns-udp", ["10.0.0.1"], []);
  announced.update("a/dns-tcp", ["10.0.0.1"], []);
  announced.update("a/dns-udp", [], []);
  expect(wireCalls()).toEqual(["announce 10.0.0.1 on all"]);
  announced.update("a/dns-tcp", [], []);
  expect(wireCalls()).toEqual(["announce 10.0.0.1 on all", "withdraw 10.0.0.1"]);
});

it("says nothing when nothing changes", () => {
  expect(announced.update("a/web", ["10.0.0.1"], [])).toBe(true);
  expect(announced.update("a/web", ["10.0.0.1"], [])).toBe(false);
  expect(announced.update("a/other", [], [])).toBe(false);
  expect(wireCalls()).toHaveLength(1);
});

it("moves a Service to its new address without touching the other it keeps", () => {
  announced.update("a/web", ["10.0.0.1", "10.0.0.2"], []);
  calls.length = 0;
  announced.update("a/web", ["10.0.0.2", "10.0.0.3"], []);
  expect(wireCalls()).toEqual(["withdraw 10.0.0.1", "announce 10.0.0.3 on all"]);
});

it("uses every interface that one of the sharing Services asks for", () => {
  announced.update("a/udp", ["10.0.0.1"], ["eth1"]);
  announced.update("a/tcp", ["10.0.0.1"], ["eth0"]);
  announced.update("a/all", ["10.0.0.1"], []);
  announced.update("a/all", [], []);
  expect(wireCalls()).toEqual([
    "announce 10.0.0.1 on eth1",
    "announce 10.0.0.1 on eth0+eth1",
    "announce 10.0.0.1 on all",
    "announce 10.0.0.1 on eth0+eth1",
  ]);
});

it("keeps the gauge by Service and address", () => {
  announced.update("a/web", ["10.0.0.1"], []);
  announced.update("a/web", [], []);
  expect(calls.filter((call) => call.startsWith("gauge"))).toEqual([
    "gauge a/web 10.0.0.1 true",
    "gauge a/web 10.0.0.1 false",
  ]);
});
