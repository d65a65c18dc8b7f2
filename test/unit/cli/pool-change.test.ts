import { expect, it } from "vitest";
import { poolChangeOf } from "../../../src/cli/pool-change.js";

const DEFAULTS = { port: 7472, tlsMinVersion: "", webhookSecret: "" };

it.each([
  { name: "a swap in the manifest of v0.9 to v0.12", args: { config: "config" }, expected: "refuse" },
  { name: "a swap in the manifest of v0.13, and whatever cannot be told", args: {}, expected: "refuse" },
  { name: "a swap in the manifest of v0.14", args: { tlsMinVersion: "VersionTLS12" }, expected: "reassign" },
  { name: "a swap in the manifest of v0.16", args: { port: 9120 }, expected: "reassign" },
  { name: "a named release", args: { generation: "v0.12", port: 9120 }, expected: "refuse" },
  { name: "what is asked for", args: { poolChange: "reassign", generation: "v0.9" }, expected: "reassign" },
  { name: "what is asked for in place of v0.14", args: { poolChange: "refuse", port: 9120 }, expected: "refuse" },
])("poolChangeOf() goes by $name: $expected", ({ args, expected }) => {
  expect(poolChangeOf({ ...DEFAULTS, ...args })).toBe(expected);
});
