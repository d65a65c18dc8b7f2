import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it.each(["layer2-range.yaml", "services.yaml"])(
  "examples/legacy/%s is the example of that name, unmodified",
  (name) => {
    expect(readFileSync(`examples/legacy/${name}`, "utf8")).toBe(readFileSync(`examples/${name}`, "utf8"));
  },
);
