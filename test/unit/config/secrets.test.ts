import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../../src/config/canonical.js";
import { loadConfig } from "../../../src/config/load.js";
import { Password } from "../../../src/config/password.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import { describeFault, describeRemark } from "../../../src/runtime/net/fault.js";
import { OPTIONS, configMap, document, load, resource, secret } from "./documents.js";

const MARK = "Tr0ub4dor&3";

/** Everything that a log, a terminal or an API response could be made of. */
const printed = (value: unknown): string =>
  [
    inspect(value, { depth: 20, showHidden: true }),
    JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part)),
    String(value),
    canonicalText(value),
  ].join("\n");

describe("a password is in the model and in nothing that is printed", () => {
  it.each([
    ["legacy", [configMap(`peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, password: '${MARK}'}]`)]],
    ["a resource", [resource("BGPPeer", "p", { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", password: MARK })]],
    [
      "a Secret",
      [
        resource("BGPPeer", "p", { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", passwordSecret: { name: "s" } }),
        secret("s", MARK),
      ],
    ],
  ])("%s", (_, documents) => {
    const loaded = load(documents);
    expect(loaded.model.peers[0]?.password?.reveal()).toBe(MARK);
    expect(printed(loaded)).not.toContain(MARK);
  });
});

const legacy = (...lines: string[]): string =>
  ["peers:", "- my-asn: 1", ...lines.map((line) => `  ${line}`)].join("\n");
const peerResource = (spec: object) =>
  resource("BGPPeer", "p", { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", ...spec });

describe("no fault shows it, nor what may be one in the wrong place", () => {
  it.each([
    ["of another type", [configMap(legacy(`password: ['${MARK}']`))]],
    ["under a misspelt key", [configMap(legacy(`passwort: '${MARK}'`))]],
    ["given twice", [configMap(legacy(`password: '${MARK}'`, `password: '${MARK}'`))]],
    ["without a blank", [configMap(`peers:\n- password:${MARK}`)]],
    ["by an alias in another field", [configMap(legacy(`password: &p '${MARK}'`, "router-id: *p"))]],
    ["that looks like an alias", [configMap(legacy(`password: *${MARK}`))]],
    ["that looks like a tag", [configMap(legacy(`password: !${MARK}!x`))]],
    ["that looks like a number", [configMap(legacy(`password: !!int ${MARK}`))]],
    ["with a quote too few", [configMap(legacy(`password: '${MARK}`))]],
    ["that begins with a sign of YAML", [configMap(legacy(`password: @${MARK}`))]],
    [
      "in the whole of the data",
      [document({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config" }, data: MARK })],
    ],
    ["of another type in a resource", [peerResource({ password: [MARK] })]],
    ["under a misspelt key of a resource", [peerResource({ passwrd: MARK, peerASN: 0 })]],
    ["beside a Secret", [peerResource({ password: MARK, passwordSecret: { name: "s" } })]],
    ["in place of a Secret's name", [peerResource({ passwordSecret: MARK })]],
    [
      "not in base64",
      [
        peerResource({ passwordSecret: { name: "s" } }),
        document({
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "s" },
          type: "kubernetes.io/basic-auth",
          data: { password: MARK },
        }),
      ],
    ],
  ])("%s", (_, documents) => {
    const loaded = loadConfig(documents, OPTIONS);
    expect(loaded.ok).toBe(false);
    if (loaded.ok) return;
    expect(loaded.fault.length).toBeGreaterThan(0);
    expect(printed(loaded)).not.toContain(MARK);
    expect(loaded.fault.map(describeFault).join("\n")).not.toContain(MARK);
  });

  it("nor does a notice", () => {
    const { notices } = load([
      configMap(`peers:\n- my-asn: 1\n  peer-asn: 2\n  peer-address: 10.0.0.1\n  password: &p '::1'\n  router-id: *p`),
    ]);
    expect(notices).toHaveLength(1);
    expect(notices.map(describeRemark).join()).not.toContain("::1");
  });

  it("nor does a manifest that cannot be read", () => {
    const { faults } = readDocuments(
      `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: "${MARK}\n`,
      "f",
    );
    expect(faults).toHaveLength(1);
    expect(printed(faults)).not.toContain(MARK);
  });
});

it("passwords are compared without being shown", () => {
  expect(new Password("a").equals(new Password("a"))).toBe(true);
  expect(new Password("a").equals(new Password("b"))).toBe(false);
  expect(new Password("a").equals(undefined)).toBe(false);
});
