import { expect, it } from "vitest";
import type { KubernetesDocument } from "../../../../src/config/documents.js";
import type { StatusOutcome } from "../../../../src/runtime/controller/ports.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";
import { assigned, configMap, createWorld, selectingPool, service } from "./fixtures.js";

const POOL = configMap("192.0.2.1-192.0.2.9");
const annotated = service("a", { annotations: assigned("a", "").annotations }); // and without an address
const ECHO = { resourceVersion: "101" };

it.each([
  {
    why: "the configuration",
    poolChange: "reassign",
    services: [service("a")],
    documents: POOL,
    echo: { ...assigned("a", "192.0.2.1"), ...ECHO },
    change: ({ controller }) => controller.configChanged(configMap("198.51.100.1/32")),
    address: "198.51.100.1",
  },
  {
    why: "a vacancy",
    poolChange: "refuse",
    services: [assigned("other", "192.0.2.1"), annotated],
    documents: configMap("192.0.2.1/32"),
    echo: service("a", ECHO),
    change: ({ remove }) => remove("other"),
    address: "192.0.2.1",
  },
  {
    why: "the labels of Namespaces",
    poolChange: "refuse",
    services: [annotated],
    documents: [selectingPool({ namespaceSelectors: [{ matchLabels: { team: "a" } }] })],
    echo: service("a", ECHO),
    change: ({ controller }) => controller.namespacesChanged([{ name: "default", labels: { team: "a" } }]),
    address: "192.0.2.1",
  },
] satisfies readonly {
  why: string;
  poolChange: "refuse" | "reassign";
  services: readonly ServiceView[];
  documents: readonly KubernetesDocument[];
  echo: ServiceView;
  change: (world: ReturnType<typeof createWorld>) => void;
  address: string;
}[])(
  "looks again because of $why that changed during a write whose echo came before its answer",
  async ({ poolChange, services, documents, echo, change, address }) => {
    const world = createWorld({ poolChange });
    let answer: (outcome: StatusOutcome) => void = () => undefined;
    world.answers.push(new Promise((resolve) => void (answer = resolve)));
    await world.begin(services, documents);
    change(world);
    await world.clock.advance(0);
    world.put(echo);
    await world.clock.advance(0);
    expect(world.writes).toHaveLength(1);
    answer({ outcome: "written", ...ECHO });
    await world.clock.advance(0);
    expect(world.addresses()["a"]).toBe(address);
  },
);

it.each([
  { name: "of a cluster", before: "1", written: "101", edited: "102" },
  { name: "of a manifest", before: "", written: "", edited: "" },
  { name: "of a manifest that was dumped out of a cluster", before: "7", written: "7", edited: "7" },
])("tells the echo of a write from an edit during it, on a Service $name", async ({ before, written, edited }) => {
  const world = createWorld();
  const answers: ((outcome: StatusOutcome) => void)[] = [];
  for (let count = 0; count < 2; count += 1) {
    world.answers.push(new Promise((resolve) => void answers.push(resolve)));
  }
  await world.begin([service("a", { resourceVersion: before }), service("b", { resourceVersion: before })], POOL);
  const echo = { ...assigned("a", "192.0.2.1"), resourceVersion: written };
  world.put(echo);
  world.put({ ...assigned("b", "192.0.2.2"), resourceVersion: edited, type: "ClusterIP" });
  for (const answer of answers) answer({ outcome: "written", resourceVersion: written });
  await world.clock.advance(0);
  world.put({ ...echo });
  await world.clock.advance(0);
  expect(world.updates.handled).toBe(3); // each once, and the one that was edited once more
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
});

it("notices the edit of a manifest whose resourceVersion stays the same", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1")], POOL);
  world.put({ ...assigned("a", "192.0.2.1"), type: "ClusterIP" });
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({});
});
