import { expect, it } from "vitest";
import { wantedStatus } from "../../../../src/runtime/controller/status.js";

it.each([
  { pool: "default", annotation: "default" },
  { pool: "", annotation: undefined }, // in no pool: the annotation is removed, not emptied
])('names the pool "$pool" of addresses that a Service keeps as $annotation', ({ pool, annotation }) => {
  const kept = { outcome: "kept", addresses: ["192.0.2.1"], pool, reason: "", events: [], refusals: [] } as const;
  expect(wantedStatus(kept)).toEqual({ addresses: ["192.0.2.1"], pool: annotation });
});
