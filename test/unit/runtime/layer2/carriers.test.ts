import { expect, it } from "vitest";
import { createCarriers, noteCarriers } from "../../../../src/runtime/layer2/carriers.js";

type Row = readonly [
  index: number,
  running: boolean,
  masterIndex?: number | undefined,
  kind?: "bonded" | "excluded" | "tap",
];
const linksOf = (rows: readonly Row[]) =>
  rows.map(([index, running, masterIndex, kind]) => {
    return { index, name: kind ?? "eth", running, masterIndex, bonded: kind === "bonded", tap: kind === "tap" };
  });

it.each<{ name: string; looks: readonly (readonly Row[])[]; back: string[]; lost: number[] }>([
  { name: "one that never had one", looks: [[[1, false]], [[1, false]]], back: [], lost: [] },
  { name: "one that gets its first", looks: [[[1, false]], [[1, true]]], back: [], lost: [] },
  { name: "one that loses it", looks: [[[1, true]], [[1, false]], [[1, false]]], back: [], lost: [1] },
  {
    name: "one that has it again",
    looks: [[[1, true]], [[1, false]], [[1, false]], [[1, true]], [[1, true]]],
    back: ["look 3: 1 since 100"],
    lost: [],
  },
  {
    name: "a member of a bridge in a VRF",
    looks: [
      [
        [1, true, 7],
        [7, true, 9],
        [9, true],
      ],
      [
        [1, false, 7],
        [7, true, 9],
        [9, true],
      ],
      [
        [1, true, 7],
        [7, true, 9],
        [9, true],
      ],
    ],
    back: ["look 2: 1 since 100", "look 2: 7 since 100", "look 2: 9 since 100"],
    lost: [],
  },
  {
    name: "a member of a bond, which heard everything by the other",
    looks: [true, false, true].map((isRunning): Row[] => [
      [1, isRunning, 7, "bonded"],
      [2, true, 7, "bonded"],
      [7, true],
    ]),
    back: [],
    lost: [],
  },
  {
    name: "a bond that lost both of its members",
    looks: [true, false, true].map((isRunning): Row[] => [
      [1, isRunning, 7, "bonded"],
      [7, isRunning],
    ]),
    back: ["look 2: 7 since 100"],
    lost: [],
  },
  {
    name: "a member of a bridge that is excluded, as that of a Pod",
    looks: [true, false, true].map((isRunning): Row[] => [
      [1, isRunning, 7, "excluded"],
      [7, true],
    ]),
    back: [],
    lost: [],
  },
  {
    name: "what a virtual machine has in a bridge, beside a cable",
    looks: [true, false, true].map((isRunning): Row[] => [
      [1, isRunning, 7, "tap"],
      [2, true, 7],
      [7, true],
    ]),
    back: [],
    lost: [],
  },
  {
    name: "one of a program that is in no bridge",
    looks: [true, false, true].map((isRunning): Row[] => [[1, isRunning, undefined, "tap"]]),
    back: ["look 2: 1 since 100"],
    lost: [],
  },
  {
    name: "one that goes and comes as another",
    looks: [[[1, true]], [[1, false]], [], [[1, true]]],
    back: [],
    lost: [],
  },
  {
    name: "those that say to be each other's masters, which the kernel does not let happen",
    looks: [[[1, true, 1]], [[1, false, 1]], [[1, true, 1]]],
    back: ["look 2: 1 since 100"],
    lost: [],
  },
])("carriers of $name", ({ looks, back, lost }) => {
  const carriers = createCarriers();
  const told = looks.flatMap((rows, look) =>
    noteCarriers(carriers, linksOf(rows), 100 * look, (name) => name === "excluded").map(
      ({ index, lostAt }) => `look ${look}: ${index} since ${lostAt}`,
    ),
  );
  expect(told).toEqual(back);
  expect([...carriers.lostAt.keys()]).toEqual(lost);
});
