import { expect, it } from "vitest";
import { matchesPattern, parseCommunityPattern } from "../../../src/config/community.js";

it.each([
  { pattern: "64512:7", matches: ["64512:7"], others: ["64512:70", "64512:8", "large:64512:7:0"] },
  { pattern: "64512:*", matches: ["64512:0", "64512:65535"], others: ["64513:0", "large:64512:0:0"] },
  { pattern: "*:7", matches: ["1:7", "65534:7"], others: ["1:8", "0:7", "65535:7"] },
  { pattern: "*:*", matches: ["1:0", "65534:65535"], others: ["0:1", "65535:0", "65535:666", "65535:65281"] },
  { pattern: "65535:*", matches: ["65535:0", "65535:65281"], others: ["1:0"] },
  { pattern: "large:64512:*:1", matches: ["large:64512:9:1"], others: ["large:64512:9:2", "64512:1"] },
  { pattern: "large:*:*:*", matches: ["large:0:0:0", "large:65535:0:0"], others: ["1:1"] },
])("$pattern stands for $matches and not for $others", ({ pattern, matches, others }) => {
  expect(parseCommunityPattern(pattern)).toEqual({ ok: true, value: pattern });
  expect(matches.filter((community) => !matchesPattern(community, pattern))).toEqual([]);
  expect(others.filter((community) => matchesPattern(community, pattern))).toEqual([]);
});

it.each([
  { text: "064512:*", value: "64512:*" },
  { text: "65536:*", value: undefined },
  { text: "*", value: undefined },
  { text: "", value: undefined },
  { text: "6*:1", value: undefined },
  { text: "**:1", value: undefined },
  { text: "*:*:*", value: undefined },
  { text: "large:*:*", value: undefined },
  { text: "*:1:1:1", value: undefined },
  { text: "large:*:*:4294967296", value: undefined },
])("$text is read as $value", ({ text, value }) => {
  const pattern = parseCommunityPattern(text);
  expect(pattern.ok ? pattern.value : undefined).toBe(value);
});
