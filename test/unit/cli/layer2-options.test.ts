import { expect, it } from "vitest";
import yargs from "yargs";
import { layer2Options, layer2OptionsOf } from "../../../src/cli/layer2-options.js";

function rethrow(message: string | null, error: Error | undefined): never {
  throw error ?? new Error(message ?? "");
}

const read = (...words: string[]) =>
  layer2OptionsOf(yargs(words).options(layer2Options).exitProcess(false).fail(rethrow).parseSync());

it.each([
  { words: [], policy: { conflicts: "report", refreshMilliseconds: 0 } },
  { words: ["--refresh-interval=0"], policy: { conflicts: "report", refreshMilliseconds: 0 } },
  {
    words: ["--address-conflict", "yield", "--refresh-interval", "1m30s"],
    policy: { conflicts: "yield", refreshMilliseconds: 90_000 },
  },
  {
    words: ["--address-conflict=defend", "--refresh-interval=5s"],
    policy: { conflicts: "defend", refreshMilliseconds: 5000 },
  },
])("takes $words", ({ words, policy }) => expect(read(...words)).toEqual(policy));

it.each([
  { words: ["--address-conflict=fight"], message: /fight/ },
  { words: ["--refresh-interval=4s"], message: /neither 0 nor from 5s to 596h: write a duration such as 1m/ },
  { words: ["--refresh-interval=597h"], message: /neither 0 nor from 5s/ },
  { words: ["--refresh-interval=soon"], message: /"soon"/ },
])("refuses $words", ({ words, message }) => expect(() => read(...words)).toThrow(message));
