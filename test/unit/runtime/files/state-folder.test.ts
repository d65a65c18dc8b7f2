import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  readDecisions,
  readHeartbeats,
  removeHeartbeat,
  stateFolderOf,
  writeDecisions,
  writeHeartbeat,
} from "../../../../src/runtime/files/state-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-state-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("lies hidden in the folder, or beside the file", async () => {
  await writeFile(join(folder, "world.yaml"), "");
  expect(await stateFolderOf(folder)).toBe(join(folder, ".smelter"));
  expect(await stateFolderOf(join(folder, "world.yaml"))).toBe(join(folder, ".world.yaml.smelter"));
});

it("gives back the decisions that were written, and none before that", async () => {
  const state = join(folder, ".smelter");
  expect((await readDecisions(state)).size).toBe(0);
  const decision = { namespace: "default", name: "nginx", addresses: ["192.0.2.1"], pool: "p", reason: "free" };
  await writeDecisions(state, [decision]);
  expect([...(await readDecisions(state))]).toEqual([["default/nginx", decision]]);
});

it("counts a node as alive while its heartbeat is young, whatever the node is called", async () => {
  const state = join(folder, ".smelter");
  expect((await readHeartbeats(state, 1000)).size).toBe(0);
  await writeHeartbeat(state, "node1");
  await writeHeartbeat(state, "../node2");
  expect([...(await readHeartbeats(state, 60_000))].toSorted()).toEqual(["../node2", "node1"]);
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(join(state, "heartbeats", "node1"), longAgo, longAgo);
  expect([...(await readHeartbeats(state, 60_000))]).toEqual(["../node2"]);
  await writeHeartbeat(state, "node1");
  await removeHeartbeat(state, "../node2");
  expect([...(await readHeartbeats(state, 60_000))]).toEqual(["node1"]);
});
