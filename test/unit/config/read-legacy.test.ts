import { describe, expect, it } from "vitest";
import { readLegacy } from "../../../src/config/read-legacy.js";
import type { LegacyReading } from "../../../src/config/read-legacy.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const read = (text: string): LegacyReading => readLegacy({ text, object: "ConfigMap ns/config" });
const problems = (text: string): string[] =>
  read(text).faults.map(({ line, column, path, problem }) => `${line}:${column} ${path} ${problem}`);
const good = (text: string): LegacyReading => {
  const reading = read(text);
  expect(reading.faults.map(describeFault)).toEqual([]);
  return reading;
};

/** One peer on lines 2 to 4 and what is added to it from line 5 on. */
const peer = (...lines: string[]): string =>
  [
    "peers:",
    "- my-asn: 64512",
    "  peer-asn: 64513",
    "  peer-address: 10.0.0.1",
    ...lines.map((line) => `  ${line}`),
  ].join("\n");
const pool = (...lines: string[]): string =>
  [
    "address-pools:",
    "- name: a",
    "  protocol: bgp",
    "  addresses: [10.0.0.0/24]",
    ...lines.map((line) => `  ${line}`),
  ].join("\n");
const password = (yaml: string): string => {
  const [first] = good(peer(`password: ${yaml}`)).peers;
  return first?.peer.password?.reveal() ?? "";
};
const port = (yaml: string): number | string => {
  const { peers, faults } = read(peer(`peer-port: ${yaml}`));
  return faults[0]?.problem ?? peers[0]?.peer.port ?? "no peer";
};
const autoAssign = (yaml: string): boolean | string => {
  const { pools, faults } = read(pool(`auto-assign: ${yaml}`));
  return faults[0]?.problem ?? pools[0]?.autoAssign ?? "no pool";
};

describe("scalars mean what their field is", () => {
  it.each([
    ["0123", "0123"],
    ["64512:1", "64512:1"],
    ["yes", "yes"],
    ["1_000", "1_000"],
    ["1.23456789012345678", "1.23456789012345678"],
    ["0x1F", "0x1F"],
    ["2020-01-01", "2020-01-01"],
    ["~", ""],
    ["null", ""],
    ["", ""],
    ["'~'", "~"],
    ['"a\\tb"', "a\tb"],
    ["|-\n    a\n    b", "a\nb"],
    ["!!binary aGVsbG8=", "hello"],
    ["!!int 5", "5"],
    ["!custom x", "x"],
    ["a b", "a b"],
  ])("a text field takes %s as it is written", (yaml, text) => expect(password(yaml)).toBe(text));

  it.each<[string, number | string]>([
    ["1179", 1179],
    ["0x10", 16],
    ["0X10", 16],
    ["0b11", 3],
    ["0o17", 15],
    ["0123", 83],
    ["08", 8],
    ["1_179", 1179],
    ["+5", 5],
    ["1179.9", 1179],
    ["1e3", 1000],
    ['!!int "1179"', 1179],
    ["0", 179],
    ["-0.5", 179],
    ["~", 179],
    ["65536", "is not 0 to 65535"],
    ["-1", "is not 0 to 65535"],
    ["99999999999999999999", "is not 0 to 65535"],
    ["'1179'", "is not a whole number"],
    ["!!str 1179", "is not a whole number"],
    ["x", "is not a whole number"],
    ["yes", "is not a whole number"],
    [".inf", "is not a whole number"],
    ["[1]", "is not a whole number"],
    ["!!int x", "has the tag !!int, which does not fit the text"],
  ])("a number field reads %s as %s", (yaml, expected) => expect(port(yaml)).toBe(expected));

  it.each<[string, boolean | string]>([
    ["yes", true],
    ["Y", true],
    ["on", true],
    ["TRUE", true],
    ["no", false],
    ["n", false],
    ["Off", false],
    ["~", true],
    ["NULL", false],
    ["tRUE", "is not true or false"],
    ["'yes'", "is not true or false"],
    ["1", "is not true or false"],
  ])("a yes-or-no field reads %s as %s", (yaml, expected) => expect(autoAssign(yaml)).toBe(expected));

  it("tells that a fraction of an AS number is cut off", () => {
    const reading = good("peers:\n- {my-asn: 1.10, peer-asn: 65000.7, peer-address: 10.0.0.1}");
    expect(reading.peers[0]?.peer).toMatchObject({ myAsn: 1, peerAsn: 65000 });
    expect(reading.notices.map(({ class: noticeClass, path, value }) => [noticeClass, path, value])).toEqual([
      ["ignored", "/peers/0/my-asn", "1.10"],
      ["ignored", "/peers/0/peer-asn", "65000.7"],
    ]);
  });
});

describe("mappings", () => {
  const merged = (text: string): unknown => {
    const [first] = good(text).peers.slice(-1);
    return first && [first.peer.myAsn, first.peer.port, first.peer.holdTimeSeconds];
  };
  const anchor = "peers:\n- &a {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, peer-port: 5, hold-time: 10s}\n";

  it.each([
    ["adds what is missing", "- {<<: *a, peer-address: 10.0.0.2}", [1, 5, 10]],
    ["loses against a key below it", "- {<<: *a, peer-address: 10.0.0.2, my-asn: 7}", [7, 5, 10]],
    ["wins over a key above it", "- {my-asn: 7, peer-address: 10.0.0.2, <<: *a, peer-port: 6}", [1, 6, 10]],
    ["takes the first of a list", "- {<<: [{my-asn: 8}, *a], peer-port: 9}", [8, 9, 10]],
    ["can be written out", "- {<<: {my-asn: 8, hold-time: 4s}, peer-asn: 1, peer-address: 10.0.0.2}", [8, 179, 4]],
    ["clears with null", "- {<<: *a, hold-time: ~}", [1, 5, 90]],
  ])("a merge key %s", (_, line, expected) => expect(merged(anchor + line)).toEqual(expected));

  it.each([
    ["a repeated key", peer("my-asn: 5"), "5:3 /peers/0/my-asn is a key that this mapping has already"],
    ["a merge of a text", peer("<<: x"), "5:7 /peers/0 is merged (<<) and is no mapping"],
    ["a key that is a list", peer("? [a]", ": b"), "5:5 /peers/0 has a key that is no text"],
    [
      "a repeated alias",
      "bgp-communities:\n  a: 1:1\n  a: 1:2",
      "3:3 /bgp-communities/a is a key that this mapping has already",
    ],
    [
      "labels that a merge has too",
      peer("node-selectors:", "- match-labels: {<<: {a: b}, a: c}"),
      "6:32 /peers/0/node-selectors/0/match-labels/a is a key that this mapping has already",
    ],
  ])("refuse %s", (_, text, problem) => expect(problems(text)).toEqual([problem]));

  it("of labels are joined by a merge", () => {
    const { peers } = good(peer("node-selectors:", "- match-labels: {<<: {a: b}, c: ~}"));
    expect(peers[0]?.peer.nodeSelectors[0]?.matchLabels).toEqual([
      ["a", "b"],
      ["c", ""],
    ]);
  });

  it.each([
    ["Peers: []", "1:1 /Peers is a key that is not known here", "write peers"],
    ["x-anchors: {}", "1:1 /x-anchors is a key that is not known here", "remove it"],
    [peer("bfdProfile: a"), "5:3 /peers/0/bfdProfile is a key that is not known here", "write bfd-profile"],
    [peer("hold_time: 3s"), "5:3 /peers/0/hold_time is a key that is not known here", "write hold-time"],
    [peer("passwrod: a"), "5:3 /peers/0/passwrod is a key that is not known here", "write password"],
    [peer("router: a"), "5:3 /peers/0/router is a key that is not known here", "remove it"],
    [
      pool("bgp-advertisement: []"),
      "5:3 /address-pools/0/bgp-advertisement is a key that is not known here",
      "write bgp-advertisements",
    ],
    [
      pool("bgp-advertisements: [{local-pref: 1}]"),
      "5:25 /address-pools/0/bgp-advertisements/0/local-pref is a key that is not known here",
      "write localpref",
    ],
    ["bfd-profiles: [{name: a, echo: 1}]", "1:26 /bfd-profiles/0/echo is a key that is not known here", "remove it"],
    [
      peer("node-selectors: [{labels: {}}]"),
      "5:21 /peers/0/node-selectors/0/labels is a key that is not known here",
      "remove it",
    ],
  ])("refuse an unknown key: %#", (text, problem, remedy) => {
    expect(problems(text)).toEqual([problem]);
    expect(read(text).faults[0]?.remedy).toContain(remedy);
  });
});

describe("documents", () => {
  it.each([
    ["", ""],
    ["comments", "# nothing here\n"],
    ["null", "~\n"],
    ["an empty mapping", "{}\n"],
    ["nothing in the first of two", "---\n---\nfoo: bar\n"],
    ["null lists", "peers: ~\naddress-pools:\nbgp-communities: null\n"],
  ])("are empty and valid: %s", (_, text) => {
    expect(good(text)).toMatchObject({ pools: [], peers: [], bfdProfiles: [], notices: [] });
  });

  it.each([
    ["a second document", `${peer()}\n---\nfoo: bar\n`],
    ["a second document that is broken", `---\n${peer()}\n---\n- {\n`],
    ["what stands after the end", `${peer()}\n...\n[[[\n`],
  ])("do not care about %s", (_, text) => expect(good(text).peers).toHaveLength(1));

  it("end where a line stands further to the left than their keys: the rest is not read, and that is told", () => {
    const { pools, peers, notices } = good(` ${pool().replaceAll("\n", "\n ")}\n${peer()}\n`);
    expect([pools.length, peers.length]).toEqual([1, 0]);
    expect(notices).toMatchObject([{ class: "ignored", path: "", line: 5, column: 1 }]);
    expect(problems(`${pool()}\n- a\n`)).toHaveLength(1);
  });

  it.each([
    [
      "a bracket at the beginning of a line",
      "address-pools: [\n{name: a, protocol: layer2, addresses: [\n10.0.0.0/24\n]}\n]",
    ],
    ["brackets to the left of their key", pool("bgp-advertisements: [\n{localpref:\n 1}\n ]")],
    ["tabs between brackets", pool("bgp-advertisements:\t[\t{localpref:\t1}\n\t]")],
  ])("may have %s", (_, text) => expect(good(text).pools).toHaveLength(1));

  it("keep positions where lines between brackets were too far to the left", () => {
    expect(problems(pool("bgp-advertisements: [\n{localpref: x},\n  {foo: 1}]"))).toEqual([
      "6:13 /address-pools/0/bgp-advertisements/0/localpref is not a whole number",
      "7:4 /address-pools/0/bgp-advertisements/1/foo is a key that is not known here",
    ]);
  });

  it.each([
    ["an address that begins with a colon between brackets", "peers: [{peer-address: ::1}]", "1:24  begins with :"],
    ["a question mark between brackets", "peers: [{password: a?}]", "1:20  begins with : or has a ? in it"],
    [
      "a key behind a closed bracket",
      "peers:\n- {my-asn: 1}bgp-communities:\n  a: 1:1",
      "2:14  is a key in the wrong place",
    ],
  ])("refuse %s, as the releases did", (_, text, problem) => expect(problems(text)[0]).toContain(problem));

  it.each([
    ["- a", "1:1  is not a mapping"],
    ["text", "1:1  is not a mapping"],
    ["peers: {}", "1:8 /peers is not a list"],
    ["peers: [a]", "1:9 /peers/0 is not a mapping"],
    ["address-pools: [[]]", "1:17 /address-pools/0 is not a mapping"],
    ["bgp-communities: []", "1:18 /bgp-communities is not a mapping"],
    ["a: [", "1:5  is not YAML (unexpected end of the stream within a flow collection)"],
    ["a: *b", "1:4  is an alias of an anchor that does not exist"],
  ])("refuse %s", (text, problem) => expect(problems(text)).toEqual([problem]));

  it("end with one fault where aliases make too much of them", () => {
    const selectors = Array(1000).fill("{match-labels: {a: b}}").join(", ");
    const text = `peers:\n- &p {my-asn: 1, node-selectors: [${selectors}]}\n${"- {<<: *p}\n".repeat(1000)}`;
    expect(problems(text)).toHaveLength(1);
    expect(problems(text)[0]).toContain("is beyond the first 300000 values, aliases expanded");
  });

  it.each([
    ["nested deeper than any parser should go", "peers: ".repeat(1) + "[".repeat(5000), "nested more than 100 levels"],
    ["longer than a ConfigMap can be", `a: ${"x".repeat(4 * 1024 * 1024)}`, "characters, more than 4194304"],
    ["of more values than a ConfigMap can hold", "- a\n".repeat(200_001), "has more than 200000 lines and values"],
  ])("end with one fault where they are %s", (_, text, problem) => {
    expect(problems(text)).toHaveLength(1);
    expect(problems(text)[0]).toContain(problem);
  });
});
