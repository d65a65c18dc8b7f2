import { describe, expect, it } from "vitest";
import { configMapToCrs } from "../../../src/migrate/configmaptocrs.js";
import type { FileIo } from "../../../src/migrate/configmaptocrs-command.js";
import { parseGoFlags, runConfigMapToCrs } from "../../../src/migrate/configmaptocrs-command.js";
import { goDuration, officialName } from "../../../src/migrate/official-resources.js";

const manifest = (config: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: net}\ndata:\n  config: |\n${config.replaceAll(/^/gm, "    ")}\n`;
const CONFIG = [
  "peers:",
  "- {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.2, password: 0123, bfd-profile: Fast}",
  "- {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, hold-time: 9.9s, peer-port: 1179}",
  "bfd-profiles: [{name: Fast, receive-interval: 100}]",
  "bgp-communities: {b: 1:2, a: 1:1}",
  "address-pools:",
  "- {name: Pool_A, protocol: bgp, addresses: [10.0.0.1 - 10.0.0.9], bgp-advertisements: [{communities: [b, 1:1], localpref: 5, aggregation-length: 32}]}",
  "- {name: b, protocol: layer2, addresses: [10.1.0.7/24], auto-assign: no}",
].join("\n");

describe("configMapToCrs()", () => {
  it("makes the objects of the original, in its order and by its names", () => {
    const result = configMapToCrs(manifest(CONFIG), { file: "f", onlyData: false });
    expect(result.ok && result.value.text).toMatchInlineSnapshot(`
      "# Made of a MetalLB ConfigMap by smelter configmaptocrs.
      apiVersion: metallb.io/v1beta2
      kind: BGPPeer
      metadata:
        name: peer1
        namespace: net
      spec:
        bfdProfile: fast
        holdTime: "1m30s"
        myASN: 1
        password: "0123"
        passwordSecret: {}
        peerASN: 2
        peerAddress: "10.0.0.2"
      status: {}
      ---
      apiVersion: metallb.io/v1beta2
      kind: BGPPeer
      metadata:
        name: peer2
        namespace: net
      spec:
        holdTime: "9s"
        myASN: 1
        passwordSecret: {}
        peerASN: 2
        peerAddress: "10.0.0.1"
        peerPort: 1179
      status: {}
      ---
      apiVersion: metallb.io/v1beta1
      kind: IPAddressPool
      metadata:
        name: pool-a
        namespace: net
      spec:
        addresses:
        - "10.0.0.1 - 10.0.0.9"
      status:
        assignedIPv4: 0
        assignedIPv6: 0
        availableIPv4: 0
        availableIPv6: 0
      ---
      apiVersion: metallb.io/v1beta1
      kind: IPAddressPool
      metadata:
        name: b
        namespace: net
      spec:
        addresses:
        - "10.1.0.7/24"
        autoAssign: false
      status:
        assignedIPv4: 0
        assignedIPv6: 0
        availableIPv4: 0
        availableIPv6: 0
      ---
      apiVersion: metallb.io/v1beta1
      kind: BGPAdvertisement
      metadata:
        name: bgpadvertisement1
        namespace: net
      spec:
        aggregationLength: 32
        communities:
        - b
        - "1:1"
        ipAddressPools:
        - pool-a
        localPref: 5
      status: {}
      ---
      apiVersion: metallb.io/v1beta1
      kind: L2Advertisement
      metadata:
        name: l2advertisement1
        namespace: net
      spec:
        ipAddressPools:
        - b
      status: {}
      ---
      apiVersion: metallb.io/v1beta1
      kind: BFDProfile
      metadata:
        name: fast
        namespace: net
      spec:
        echoMode: false
        passiveMode: false
        receiveInterval: 100
      status: {}
      ---
      apiVersion: metallb.io/v1beta1
      kind: Community
      metadata:
        name: communities
        namespace: net
      spec:
        communities:
        - name: a
          value: "1:1"
        - name: b
          value: "1:2"
      status: {}
      ---
      "
    `);
    expect(result.ok && result.value.notices.map((notice) => [notice.class, notice.path])).toEqual([
      ["generation", "/peers/0/bfd-profile"],
      ["generation", "/bfd-profiles"],
      ["renamed", "/bfd-profiles/0/name"],
      ["renamed", "/address-pools/0/name"],
      ["password", ""],
    ]);
  });

  it("takes the document alone, for the usual namespace", () => {
    const result = configMapToCrs(CONFIG, { file: "f", onlyData: true });
    expect(result.ok && result.value.text.match(/namespace: .*/g)).toEqual(Array(8).fill("namespace: metallb-system"));
  });

  it.each([
    ["several objects", `${manifest(CONFIG)}---\n${manifest(CONFIG)}`, "is not one ConfigMap"],
    ["another kind", manifest(CONFIG).replace("ConfigMap", "Secret"), "is not one ConfigMap"],
    ["no data", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n", "holds a ConfigMap without data"],
    ["a misspelt key", manifest("bfdProfile: x"), "is a key that is not known here"],
    ["an unknown protocol", manifest(CONFIG.replace("layer2", "l2")), "is none of the words that are known here"],
    [
      "names that become one",
      manifest(CONFIG.replace("name: b", "name: pool-a")),
      "becomes pool-a, as another name does",
    ],
    ["a name without letters", manifest(CONFIG.replace("name: b", "name: '1'")), "is no name for a resource"],
    ["a port that no BGPPeer has", manifest(CONFIG.replace("1179", "16385")), "is above what a BGPPeer can have"],
  ])("refuses %s", (_, text, problem) => {
    const result = configMapToCrs(text, { file: "f", onlyData: false });
    expect(result.ok ? [] : result.fault.map((fault) => fault.problem)).toEqual([problem]);
  });
});

it.each([
  ["a-1", "a-1"],
  ["a", "a"],
  ["Pool_A", "pool-a"],
  ["10-net", "net"],
  ["a.b", "a.b"],
  ["a b", undefined],
  ["a-", undefined],
  ["123", undefined],
  ["x".repeat(70), "x".repeat(63)],
])("officialName(%j) is %j", (text, name) => expect(officialName(text)).toBe(name));

it.each([
  [0, "0s"],
  [59, "59s"],
  [90, "1m30s"],
  [3600, "1h0m0s"],
  [65_536, "18h12m16s"],
])("goDuration(%i) is %s", (seconds, text) => expect(goDuration(seconds)).toBe(text));

const flags = { source: "./config.yaml", onlyData: false, stdout: false, help: false };
it.each([
  [[], flags],
  [["-source", "a", "-only-data", "-stdout"], { ...flags, source: "a", onlyData: true, stdout: true }],
  [["--source=a=b", "-stdout=false", "-only-data=T", "--"], { ...flags, source: "a=b", onlyData: true }],
  [["-h"], { ...flags, help: true }],
])("parseGoFlags(%j)", (words, expected) => expect(parseGoFlags(words)).toEqual({ ok: true, value: expected }));
it.each([[["-s"]], [["config.yaml"]], [["-source"]], [["-stdout=maybe"]], [["---stdout"]], [["--", "x"]]])(
  "parseGoFlags(%j) refuses",
  (words) => expect(parseGoFlags(words).ok).toBe(false),
);

describe("runConfigMapToCrs()", () => {
  const fakeIo = (files: Readonly<Record<string, string>>, directory = false) => {
    const io = {
      stdout: "",
      stderr: [] as string[],
      written: {} as Record<string, string>,
      read: (file: string) =>
        files[file] === undefined ? Promise.reject(new Error("ENOENT: no such file")) : Promise.resolve(files[file]),
      out: (text: string) => void (io.stdout += text),
      err: (line: string) => void io.stderr.push(line),
      write: (file: string, text: string) => Promise.resolve(void (io.written[file] = text)),
      isDirectory: () => Promise.resolve(directory),
    } satisfies FileIo & Record<string, unknown>;
    return io;
  };

  it("writes resources.yaml, and nothing to stdout", async () => {
    const io = fakeIo({ "./config.yaml": manifest(CONFIG) });
    expect(await runConfigMapToCrs([], io)).toBe(0);
    expect(io.stdout).toBe("");
    expect(io.written["resources.yaml"]).toContain("kind: BGPPeer");
  });

  it.each(["config.yaml", "/config.yaml", "./x/../config.yaml"])(
    "reads and writes below /var/input: %s",
    async (source) => {
      const io = fakeIo({ "/var/input/config.yaml": manifest(CONFIG) }, true);
      expect(await runConfigMapToCrs(["-source", source], io)).toBe(0);
      expect(Object.keys(io.written)).toEqual(["/var/input/resources.yaml"]);
    },
  );

  it("reads nothing outside of it", async () => {
    const io = fakeIo({ "/var/secret": manifest(CONFIG) }, true);
    expect(await runConfigMapToCrs(["-source", "../secret", "-stdout"], io)).toBe(1);
    expect([io.stdout, io.stderr]).toEqual(["", [expect.stringContaining("it is not below /var/input")]]);
  });

  it("writes to stdout alone where it is told", async () => {
    const io = fakeIo({ c: CONFIG });
    expect(await runConfigMapToCrs(["-source", "c", "-only-data", "-stdout"], io)).toBe(0);
    expect(io.stdout).toContain("kind: BGPPeer");
    expect(io.written).toEqual({});
  });

  it("writes nothing anywhere where it refuses", async () => {
    const io = fakeIo({ c: "peers: [{}]" });
    expect(await runConfigMapToCrs(["-source", "c", "-only-data"], io)).toBe(1);
    expect(await runConfigMapToCrs(["-source", "missing"], io)).toBe(1);
    expect([io.stdout, io.written]).toEqual(["", {}]);
  });

  it("ends with 2 where a flag is wrong, and with 0 after its help", async () => {
    const io = fakeIo({});
    expect(await runConfigMapToCrs(["-sorce", "x"], io)).toBe(2);
    expect(io.stdout).toBe("");
    expect(await runConfigMapToCrs(["-help"], io)).toBe(0);
    expect(io.stdout).toContain("Examples:");
  });
});
