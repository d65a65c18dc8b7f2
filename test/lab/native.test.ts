import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, repositoryRoot, type Lab } from "./index.js";

// One build of the native part serves every version of Node.js.
const NODES = [
  { name: process.version, node: process.execPath },
  ...(process.env["SMELTER_TEST_NODE24"] ? [{ name: "Node.js 24", node: process.env["SMELTER_TEST_NODE24"] }] : []),
];

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  const n1 = lab.node("n1");
  await n1.exec(["ip", "link", "add", "left", "type", "veth", "peer", "name", "right"]);
  await n1.exec(["ip", "link", "add", "bridge", "type", "bridge"]);
  await n1.exec(["ip", "tuntap", "add", "dev", "tap", "mode", "tap"]);
  for (const name of ["left", "right"]) await n1.exec(["ip", "link", "set", name, "up"]);
});
afterAll(() => lab.close());

it.each(NODES)("withstands lies and ill treatment on $name", async ({ node }) => {
  const addon = join(repositoryRoot(), "build/Release/smelter_native.node");
  const program = join(repositoryRoot(), "test/lab/native-program.cjs");
  const { stdout, stderr, code } = await lab.node("n1").attempt([node, "--expose-gc", program, addon]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("\n").slice(0, -1).at(-1)).toBe("done");
});
