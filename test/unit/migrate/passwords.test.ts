import { describe, expect, it } from "vitest";
import type { FileIo } from "../../../src/migrate/configmaptocrs-command.js";
import { runConfigMapToCrs } from "../../../src/migrate/configmaptocrs-command.js";
import { runConvert } from "../../../src/migrate/convert-command.js";
import { runRevert } from "../../../src/migrate/revert-command.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import { BASE64, LEGACY, MARK, PEER, RESOURCES, configMap } from "./marked-documents.js";

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
