import { describe, expect, it } from "vitest";
import type { FileIo } from "../../../src/migrate/configmaptocrs-command.js";
import { runConfigMapToCrs } from "../../../src/migrate/configmaptocrs-command.js";
import { runConvert } from "../../../src/migrate/convert-command.js";
import { runRevert } from "../../../src/migrate/revert-command.js";
import { configMapText } from "../../../src/migrate/manifest-text.js";
import { readDocuments } from "../../../src/config/read-documents.js";

const MARK = "pAsSw0rdMark";
const BASE64 = Buffer.from(MARK).toString("base64");
const PEER = "my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1";

/** Legacy documents with a password in all the places where one may end up. */
const LEGACY: readonly (readonly [string, string])[] = [
  ["where it belongs", `peers: [{${PEER}, password: ${MARK}}]`],
  ["beside a pool that is refused", `peers: [{${PEER}, password: ${MARK}}]\naddress-pools: [{name: a}]`],
  ["beside a peer without an address", `peers: [{my-asn: 1, peer-asn: 2, password: ${MARK}}]`],
  ["under a misspelt key", `peers: [{${PEER}, pasword: ${MARK}}]`],
  ["under a key in another case", `peers: [{${PEER}, Password: ${MARK}}]`],
  ["at the top level", `password: ${MARK}`],
  ["in a pool", `address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24], password: ${MARK}}]`],
  ["as a list", `peers: [{${PEER}, password: [${MARK}]}]`],
  ["as a mapping", `peers: [{${PEER}, password: {value: ${MARK}}}]`],
  ["without the blank", `peers:\n- my-asn: 1\n  peer-asn: 2\n  peer-address: 10.0.0.1\n  password:${MARK}\n`],
  ["without the blank, alone in a peer", `peers:\n- password:${MARK}\n`],
  ["twice", `peers: [{${PEER}, password: a, password: ${MARK}}]`],
  ["with a tag that does not fit", `peers: [{${PEER}, password: !!int ${MARK}}]`],
  ["by way of an alias", `peers: [{${PEER}, password: &a ${MARK}, hold-time: *a}]`],
  ["by way of an alias elsewhere", `peers: [{${PEER}, password: &a ${MARK}}]\naddress-pools: [{name: *a}]`],
  ["in a merge", `peers: [{<<: {password: ${MARK}}, ${PEER}, bfd-profile: none}]`],
  ["in broken YAML", `peers: [{${PEER}, password: "${MARK}}]`],
  ["after a broken line", `peers:\n- password: ${MARK}\n my-asn: 1\n`],
  ["in two equal peers", `peers: [{${PEER}, password: ${MARK}}, {${PEER}, password: ${MARK}}]`],
  ["in a peer that has no place in resources", `peers: [{${PEER}, peer-port: 20000, password: ${MARK}}]`],
  ["in peers that are a mapping", `peers: {${PEER}, password: ${MARK}}`],
  ["in a peer that is a list", `peers: [[{${PEER}, password: ${MARK}}]]`],
  ["in a mapping where a number belongs", `peers: [{${PEER}, peer-port: {password: ${MARK}}}]`],
  [
    "in a mapping where a label belongs",
    `peers: [{${PEER}, node-selectors: [{match-labels: {a: {password: ${MARK}}}}]}]`,
  ],
  ["beside discovery", `peer-autodiscovery: {from-labels: [{my-asn: a}], password: ${MARK}}`],
];
const configMap = (config: string): string => configMapText("config", "net", `${config}\n`);

const resource = (kind: string, spec: string, version = "v1beta2"): string =>
  `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: a, namespace: net}\nspec: {${spec}}\n`;
const RESOURCE_PEER = "myASN: 1, peerASN: 2, peerAddress: 10.0.0.1";
const secret = (content: string): string =>
  `---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: net}\n${content}\n`;
const REFERRING = resource("BGPPeer", `${RESOURCE_PEER}, passwordSecret: {name: s}`);

/** Resources with a password in all the places where one may end up. */
const RESOURCES: readonly (readonly [string, string])[] = [
  ["in a BGPPeer", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}`)],
  ["in an older BGPPeer", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}`, "v1beta1")],
  ["under a misspelt key", resource("BGPPeer", `${RESOURCE_PEER}, passwd: ${MARK}`)],
  ["as a list", resource("BGPPeer", `${RESOURCE_PEER}, password: [${MARK}]`)],
  ["beside a Secret", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}, passwordSecret: {name: s}`)],
  ["in a peer that no ConfigMap can say", resource("BGPPeer", `${RESOURCE_PEER}, vrf: red, password: ${MARK}`)],
  ["as the reference", resource("BGPPeer", `${RESOURCE_PEER}, passwordSecret: {password: ${MARK}}`)],
  ["beside spec", `${resource("BGPPeer", RESOURCE_PEER)}password: ${MARK}\n`],
  ["in an AddressPool", resource("AddressPool", `protocol: bgp, addresses: [x], password: ${MARK}`, "v1beta1")],
  ["in a Secret", REFERRING + secret(`type: kubernetes.io/basic-auth\nstringData: {password: ${MARK}}`)],
  ["in a Secret as base64", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {password: ${BASE64}}`)],
  ["in a Secret of another type", REFERRING + secret(`type: Opaque\ndata: {password: ${BASE64}}`)],
  ["in a Secret under another key", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {pass: ${BASE64}}`)],
  ["in a Secret that is not base64", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {password: ${MARK}}`)],
  ["in two Secrets", REFERRING + secret(`stringData: {password: ${MARK}}`).repeat(2)],
];

const fakeIo = (text: string) => {
  const io = {
    stdout: "",
    stderr: "",
    files: "",
    read: () => Promise.resolve(text),
    out: (chunk: string) => void (io.stdout += chunk),
    err: (line: string) => void (io.stderr += `${line}\n`),
    write: (_file: string, content: string) => Promise.resolve(void (io.files += content)),
    isDirectory: () => Promise.resolve(false),
  } satisfies FileIo & Record<string, unknown>;
  return io;
};
/** What is said, by any way of saying it: whole, in base64, and any half of it. */
const isTold = (text: string): boolean =>
  [MARK, BASE64, MARK.slice(0, 6), MARK.slice(6)].some((part) => text.includes(part));

/** The text without the places in which a Secret has its passwords. */
const withoutSecrets = (text: string): string =>
  readDocuments(text, "f")
    .documents.map(({ kind, body }) => {
      const { data: _, stringData: __, ...rest } = body;
      return JSON.stringify(kind === "Secret" ? rest : body);
    })
    .join("\n");

const sources = [
  ...LEGACY.map(([name, config]) => [`a legacy document ${name}`, configMap(config)] as const),
  ...LEGACY.map(([name, config]) => [`a bare document ${name}`, config] as const),
  ...RESOURCES.map(([name, text]) => [`a resource ${name}`, text] as const),
  ...RESOURCES.map(
    ([name, text]) => [`a ConfigMap and a resource ${name}`, `${configMap("peers: []")}---\n${text}`] as const,
  ),
];

describe.each(sources)("a password in %s", (_, text) => {
  it.each(["yaml", "json", "table"] as const)("is in a Secret of migrate convert -o %s, or nowhere", async (output) => {
    const io = fakeIo(text);
    const code = await runConvert({ file: "f", output, exitCode: true }, io);
    expect(isTold(io.stderr)).toBe(false);
    expect(isTold(output === "table" ? io.stdout : withoutSecrets(io.stdout))).toBe(false);
    if (code === 1) expect(io.stdout).toBe("");
    expect(io.stdout + io.stderr).not.toBe("");
  });

  it("is in no message, and in no table, of migrate revert and configmaptocrs", async () => {
    for (const output of ["yaml", "json", "table"] as const) {
      const io = fakeIo(text);
      const code = await runRevert({ file: "f", output }, io);
      expect(isTold(io.stderr)).toBe(false);
      if (code === 1 || output === "table") expect(isTold(io.stdout)).toBe(false);
    }
    for (const flags of [[], ["-only-data"], ["-stdout"]]) {
      const io = fakeIo(text);
      const code = await runConfigMapToCrs(flags, io);
      expect(isTold(io.stderr)).toBe(false);
      if (code !== 0) expect([io.stdout, io.files]).toEqual(["", ""]);
    }
  });
});

describe("where a password has to be", () => {
  it("it is: in the Secret, in the BGPPeer where that was asked for, and in the ConfigMap", async () => {
    const text = configMap(`peers: [{${PEER}, password: ${MARK}}]`);
    const [apart, inline] = [fakeIo(text), fakeIo(text)];
    expect(await runConvert({ file: "f", output: "yaml" }, apart)).toBe(0);
    expect(apart.stdout.split(MARK)).toHaveLength(2);
    expect(await runConvert({ file: "f", output: "yaml", inlinePasswords: true }, inline)).toBe(0);
    expect(inline.stdout).toContain(`  password: ${MARK}\n`);
    expect(inline.stdout).not.toContain("kind: Secret");
    const back = fakeIo(apart.stdout);
    expect(await runRevert({ file: "f", output: "yaml" }, back)).toBe(0);
    expect(back.stdout).toContain(`password: ${MARK}\n`);
    expect(back.stderr).toContain("1 password, which a ConfigMap holds in clear");
  });
});
