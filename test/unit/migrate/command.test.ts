import { describe, expect, it } from "vitest";
import yargs from "yargs";
import type { TextIo } from "../../../src/migrate/command.js";
import { migrateCommands } from "../../../src/migrate/command.js";
import { convertCommand, runConvert } from "../../../src/migrate/convert-command.js";
import { runRevert } from "../../../src/migrate/revert-command.js";

const GOOD = "address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24]}]\n";

function fakeIo(files: Readonly<Record<string, string>>): TextIo & { stdout: string; stderr: string[] } {
  const io = {
    stdout: "",
    stderr: [] as string[],
    read: (file: string): Promise<string> => {
      const text = files[file];
      return text === undefined ? Promise.reject(new Error("ENOENT: no such file")) : Promise.resolve(text);
    },
    out: (text: string): void => {
      io.stdout += text;
    },
    err: (line: string): void => {
      io.stderr.push(line);
    },
  };
  return io;
}

describe("runConvert()", () => {
  it("writes resources to stdout and nothing else anywhere", async () => {
    const io = fakeIo({ "config.yaml": GOOD });
    expect(await runConvert({ file: "config.yaml", output: "yaml" }, io)).toBe(0);
    expect(io.stdout).toContain("kind: IPAddressPool");
    expect(io.stderr).toEqual([]);
  });

  it("reads standard input, writes JSON, and takes a namespace", async () => {
    const io = fakeIo({ "-": GOOD });
    expect(await runConvert({ file: "-", output: "json", namespace: "net" }, io)).toBe(0);
    expect(JSON.parse(io.stdout)).toMatchObject({
      items: [{ metadata: { namespace: "net" } }, { kind: "L2Advertisement" }],
    });
  });

  it("tells notices on stderr", async () => {
    const io = fakeIo({ f: GOOD.replace("name: a", "name: A B") });
    expect(await runConvert({ file: "f", output: "yaml" }, io)).toBe(0);
    expect(io.stderr).toEqual([
      'Note (renamed): f:1:24: configuration: /address-pools/0/name is "A B", which no resource can be called, so it becomes a-b: change the annotation metallb.universe.tf/address-pool of Services that name it to a-b',
    ]);
  });

  it("says so where there is nothing to convert", async () => {
    const io = fakeIo({ f: "peers: []\n" });
    expect(await runConvert({ file: "f", output: "yaml" }, io)).toBe(0);
    expect(io).toMatchObject({ stdout: "", stderr: ["Note: the configuration is empty, so there are no resources"] });
  });

  it("writes nothing to stdout when it refuses, and all reasons to stderr", async () => {
    const io = fakeIo({ f: "address-pools: [{name: a}]\n" });
    expect(await runConvert({ file: "f", output: "yaml" }, io)).toBe(1);
    expect(io.stdout).toBe("");
    expect(io.stderr).toHaveLength(2);
  });

  it("answers a call without a file with an example", async () => {
    const io = fakeIo({});
    expect(await runConvert({ output: "yaml" }, io)).toBe(2);
    expect(io).toMatchObject({
      stdout: "",
      stderr: [
        "Cannot convert nothing: name the file, or - for standard input, as in: smelter migrate convert config.yaml",
        "Try smelter migrate convert --help",
      ],
    });
  });

  it.each([
    ["a warning", GOOD.replace("name: a", "name: A"), 3],
    ["nothing to convert", "peers: []\n", 3],
    ["no warning", GOOD, 0],
    ["a refusal", "x: 1\n", 1],
  ])("ends, with --exit-code, after %s with its own code", async (_, text, code) => {
    expect(await runConvert({ file: "f", output: "yaml", exitCode: true }, fakeIo({ f: text }))).toBe(code);
  });

  it("refuses a file that cannot be read", async () => {
    const io = fakeIo({});
    expect(await runConvert({ file: "missing.yaml", output: "yaml" }, io)).toBe(1);
    expect(io).toMatchObject({
      stdout: "",
      stderr: ["Cannot read missing.yaml: ENOENT: no such file: name a file that can be read, or - for standard input"],
    });
  });

  it.each(["Net", "a.b", "", "x".repeat(64)])("calls a namespace %j wrong usage", async (namespace) => {
    const io = fakeIo({ f: GOOD });
    expect(await runConvert({ file: "f", output: "yaml", namespace }, io)).toBe(2);
    expect(io.stdout).toBe("");
    expect(io.stderr).toHaveLength(1);
  });
});

describe("runRevert()", () => {
  it("undoes what convert does", async () => {
    const there = fakeIo({ f: GOOD });
    expect(await runConvert({ file: "f", output: "yaml" }, there)).toBe(0);
    const back = fakeIo({ f: there.stdout });
    expect(await runRevert({ file: "f", output: "yaml", config: "metallb" }, back)).toBe(0);
    expect(back.stdout).toContain("kind: ConfigMap\nmetadata:\n  name: metallb\n");
    expect(back.stderr).toEqual([]);
  });

  it("writes nothing to stdout when it refuses, and answers a call without a file", async () => {
    const io = fakeIo({ f: GOOD });
    expect(await runRevert({ file: "f", output: "yaml" }, io)).toBe(1);
    expect(await runRevert({ output: "yaml" }, io)).toBe(2);
    expect(io.stdout).toBe("");
    expect(io.stderr).toEqual([
      "f: Cannot use input: it holds no metallb.io resource: give the resources to make a ConfigMap of",
      "Cannot revert nothing: name the file, or - for standard input, as in: smelter migrate revert resources.yaml",
      "Try smelter migrate revert --help",
    ]);
  });
});

describe("convertCommand()", () => {
  it("hands its arguments over and the exit code back", async () => {
    const io = fakeIo({ "config.yaml": GOOD });
    const codes: number[] = [];
    const parser = yargs(["convert", "config.yaml", "--output", "json"]).strict().exitProcess(false);
    for (const command of migrateCommands(io, (code) => codes.push(code))) parser.command(command as never);
    await parser.parseAsync();
    expect(codes).toEqual([0]);
    expect(JSON.parse(io.stdout)).toMatchObject({ kind: "List" });
  });

  it("shows an example in its help", async () => {
    const parser = yargs(["convert", "--help"]).scriptName("smelter").wrap(120).exitProcess(false);
    const command = convertCommand(fakeIo({}), () => undefined);
    const help = await new Promise<string>((resolve) => {
      void parser
        .command(command as never)
        .parse(["convert", "--help"], (_: unknown, __: unknown, output: string) => resolve(output));
    });
    expect(help).toContain("smelter migrate convert config.yaml > resources.yaml");
    expect(help).toContain("--namespace");
  });
});
