import { expect, it } from "vitest";
import { createOtherWriters } from "../../../../src/runtime/kubernetes/other-writers.js";
import { createStepClock } from "./fixtures.js";

const INGRESS = { "f:status": { "f:loadBalancer": { "f:ingress": {} } } };
const entry = (manager: string, second: number, more: object = {}) => ({
  manager,
  operation: "Update",
  subresource: "status",
  time: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  fieldsV1: INGRESS,
  ...more,
});
const service = (...managedFields: unknown[]) => ({ metadata: { managedFields } });

it.each([
  { name: "another controller wrote the addresses", object: service(entry("controller", 0)), active: true },
  { name: "it did among others", object: service(entry("smelter", 0), entry("controller", 0)), active: true },
  { name: "we wrote them", object: service(entry("smelter", 0)), active: false },
  { name: "somebody wrote the spec", object: service(entry("kubectl", 0, { subresource: undefined })), active: false },
  {
    name: "somebody wrote conditions",
    object: service(entry("gateway", 0, { fieldsV1: { "f:status": { "f:conditions": {} } } })),
    active: false,
  },
  { name: "it was long ago", object: service(entry("controller", -31)), active: false },
  { name: "the server says nothing of it", object: { metadata: {} }, active: false },
  { name: "the server says nonsense", object: service(null, entry("controller", 0, { time: "?" })), active: false },
])("is it active: $name", ({ object, active }) => {
  const others = createOtherWriters(createStepClock());
  others.observe(object);
  expect(others.areActive()).toBe(active);
});

it("takes the other to have ended after five seconds without anything new", () => {
  const clock = createStepClock();
  const others = createOtherWriters(clock);
  others.observe(service(entry("controller", 0)));
  clock.advance(4_999);
  expect(others.areActive()).toBe(true);
  others.observe(service(entry("controller", 0))); // the same write, in a later state of the Service
  clock.advance(1);
  expect(others.areActive()).toBe(false);
  others.observe(service(entry("controller", 5)));
  expect(others.areActive()).toBe(true);
});
