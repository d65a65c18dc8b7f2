import { expect, it } from "vitest";
import { createSliceIndex } from "../../../../src/runtime/speaker/slice-index.js";
import type { EndpointSliceView } from "../../../../src/runtime/world/views.js";

const slice = (name: string, service: string, endpoints = [{ addresses: ["10.244.0.1"] }]): EndpointSliceView => ({
  namespace: "ns",
  name,
  service,
  endpoints,
});

it("knows all slices of a Service, whatever comes, changes, moves and goes", () => {
  const index = createSliceIndex();
  const namesOf = (service: string): readonly string[] => index.of(`ns/${service}`).map(({ name }) => name);
  expect([index.set(slice("a", "web")), namesOf("web")]).toEqual([["ns/web"], ["a"]]);
  expect([index.set(slice("a", "web")), namesOf("web")]).toEqual([["ns/web"], ["a"]]);
  expect([index.set(slice("b", "web")), namesOf("web")]).toEqual([["ns/web"], ["a", "b"]]);
  expect([index.set(slice("c", "web")), namesOf("web")]).toEqual([["ns/web"], ["a", "b", "c"]]);
  expect([index.set(slice("b", "mail")), namesOf("web"), namesOf("mail")]).toEqual([
    ["ns/web", "ns/mail"],
    ["a", "c"],
    ["b"],
  ]);
  expect([index.delete("ns/a"), index.delete("ns/c"), namesOf("web")]).toEqual([["ns/web"], ["ns/web"], []]);
  expect([index.delete("ns/b"), index.delete("ns/b"), namesOf("mail")]).toEqual([["ns/mail"], [], []]);
});

it("has nobody looked at again for a slice with the very same endpoints", () => {
  const index = createSliceIndex();
  const [here, there] = [{ addresses: ["10.244.0.1"] }, { addresses: ["10.244.0.2"] }];
  expect(index.set(slice("a", "web", [here, there]))).toEqual(["ns/web"]);
  expect(index.set(slice("a", "web", [here, there]))).toEqual([]);
  expect(index.set(slice("a", "web", [there]))).toEqual(["ns/web"]);
  expect(index.set(slice("a", "mail", [there]))).toEqual(["ns/web", "ns/mail"]);
  expect(index.of("ns/mail").map(({ endpoints }) => endpoints)).toEqual([[there]]);
});
