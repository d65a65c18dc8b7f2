import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import yargs from "yargs";
import { migrateCommands } from "../../../src/migrate/command.js";
import type { LintArguments } from "../../../src/migrate/lint-command.js";
import { lintCommand, runLint } from "../../../src/migrate/lint-command.js";
import type { TextIo } from "../../../src/migrate/text-io.js";

const GOOD = "address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24]}]\n";
const BAD = GOOD.replace("/24", "/40");
const ODD = GOOD.replace("10.0.0.0/24", "10.0.0.1-10.0.0.1"); // refused by one release

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smelter-lint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function fakeIo(stdin?: string): TextIo & { stdout: string; stderr: string[] } {
  const io = {
    stdout: "",
    stderr: [] as string[],
    read: (): Promise<string> => (stdin === undefined ? Promise.reject(new Error("EIO")) : Promise.resolve(stdin)),
    out: (text: string): void => {
      io.stdout += text;
    },
    err: (line: string): void => {
      io.stderr.push(line);
    },
  };
  return io;
}

const lint = (io: TextIo, args: Partial<LintArguments>): Promise<number> =>
  runLint({ path: [], output: "text", exitCode: false, rules: false, ...args }, io);

/** `file rule` of each finding, by name below the folder. */
async function told(...path: readonly string[]): Promise<string[]> {
  const io = fakeIo();
  await lint(io, { path, output: "json" });
  const { findings } = JSON.parse(io.stdout) as { findings: { file?: string; rule: string }[] };
  return findings.map(({ file = "", rule }) => `${file.replace(`${folder}/`, "")} ${rule}`);
}

describe("exit codes", () => {
  it.each([
    { name: "nothing wrong", text: GOOD, args: {}, code: 0 },
    { name: "errors", text: BAD, args: {}, code: 1 },
    { name: "errors, with --exit-code", text: BAD, args: { exitCode: true }, code: 1 },
    { name: "warnings", text: ODD, args: {}, code: 0 },
    { name: "warnings, with --exit-code", text: ODD, args: { exitCode: true }, code: 3 },
    { name: "what the release refused", text: ODD, args: { generation: "v0.11" as const }, code: 1 },
    { name: "no configuration", text: "a: b", args: { exitCode: true }, code: 0 },
  ])("$code: $name", async ({ text, args, code }) => {
    expect(await lint(fakeIo(), { path: [write("f.yaml", text)], ...args })).toBe(code);
  });

  it.each<Readonly<{ name: string; args: Partial<LintArguments> }>>([
    { name: "no path", args: {} },
    { name: "a namespace that is none", args: { path: ["-"], namespace: "Net" } },
    { name: "rules in a form that they do not have", args: { rules: true, output: "sarif" } },
  ])("2: $name", async ({ args }) => {
    const io = fakeIo(GOOD);
    expect(await lint(io, args)).toBe(2);
    expect(io).toMatchObject({ stdout: "", stderr: [expect.stringMatching(/^Cannot /)] });
  });

  it("1: a path that is not there, beside one that is well", async () => {
    const io = fakeIo();
    const missing = join(folder, "missing");
    expect(await lint(io, { path: [write("f.yaml", GOOD), missing] })).toBe(1);
    expect(io.stdout).toContain(`${missing}: error [unreadable] path: it cannot be read (ENOENT`);
  });
});

describe("input", () => {
  it("is standard input for -", async () => {
    const io = fakeIo(BAD);
    expect(await lint(io, { path: ["-"] })).toBe(1);
    expect(io.stdout).toMatch(/^standard input:1:57: error \[refused\]/);
    expect(io.stderr).toEqual(["1 error, 0 warnings and 0 infos in 1 file"]);
  });

  it("is told when standard input cannot be read", async () => {
    const io = fakeIo();
    expect(await lint(io, { path: ["-"] })).toBe(1);
    expect(io.stdout).toContain("standard input: error [unreadable]");
  });

  it("is every manifest below a folder, by name, and nothing else", async () => {
    for (const name of ["b.yml", "a/deep/c.yaml", "d.JSON", "e.txt", ".git/f.yaml", "node_modules/g.yaml"])
      write(name, BAD);
    expect(await told(folder)).toEqual(["a/deep/c.yaml refused", "b.yml refused", "d.JSON refused"]);
  });

  it("is a named file whatever it is called, and each file once", async () => {
    const file = write("config.txt", BAD);
    symlinkSync(file, join(folder, "link.yaml"));
    expect(await told(file, folder, file)).toEqual(["config.txt refused"]);
  });

  it("is each folder once, also where links lead in circles", async () => {
    write("a/f.yaml", BAD);
    symlinkSync(folder, join(folder, "a/up"));
    symlinkSync(join(folder, "a"), join(folder, "z"));
    expect(await told(folder)).toEqual(["a/f.yaml refused"]);
  });

  it("is told once, where the same path cannot be read twice", async () => {
    const missing = join(folder, "missing");
    expect(await told(missing, missing)).toEqual(["missing unreadable"]);
  });

  it("passes over links that lead nowhere, but for one that is called like a manifest", async () => {
    symlinkSync("nowhere", join(folder, "gone"));
    symlinkSync("nowhere", join(folder, "gone.yaml"));
    write("f.yaml", GOOD);
    expect(await told(folder)).toEqual(["gone.yaml unreadable"]);
  });

  it("passes over a pipe in a folder", async () => {
    expect(spawnSync("mkfifo", [join(folder, "pipe.yaml")]).status).toBe(0);
    write("f.yaml", GOOD);
    expect(await told(folder)).toEqual([]);
  });
});

describe("lintCommand()", () => {
  it.each([
    { name: "a file", args: ["f.yaml", "--exit-code"], code: 3 },
    { name: "a generation", args: ["f.yaml", "--generation", "v0.11"], code: 1 },
    { name: "a namespace", args: ["f.yaml", "--namespace", "net"], code: 0 },
  ])("hands $name over and the exit code back", async ({ args, code }) => {
    write("f.yaml", ODD);
    const codes: number[] = [];
    const [file = "", ...options] = args;
    const parser = yargs(["lint", join(folder, file), ...options])
      .strict()
      .exitProcess(false);
    for (const command of migrateCommands(fakeIo(), (exit) => codes.push(exit))) parser.command(command as never);
    await parser.parseAsync();
    expect(codes).toEqual([code]);
  });

  it.each([["--rules"], ["--rules", "--output", "json"]])(
    "prints the rules without a path: %s %s %s",
    async (...args) => {
      const io = fakeIo();
      const codes: number[] = [];
      const command = lintCommand(io, (exit) => codes.push(exit));
      await yargs(["lint", ...args])
        .strict()
        .command(command as never)
        .exitProcess(false)
        .parseAsync();
      expect(codes).toEqual([0]);
      expect(io.stdout).toContain("pool-without-advertisement");
    },
  );

  it("refuses an option that there is not", async () => {
    const command = lintCommand(fakeIo(), () => undefined);
    const parser = yargs(["lint", "--fix", folder])
      .strict()
      .exitProcess(false)
      .fail((text) => {
        throw new Error(text);
      });
    await expect(async () => parser.command(command as never).parseAsync()).rejects.toThrow("Unknown argument: fix");
  });

  it("reads standard input for a lone hyphen, wherever it stands", async () => {
    const io = fakeIo(BAD);
    const codes: number[] = [];
    const command = lintCommand(io, (exit) => codes.push(exit));
    const file = write("f.yaml", GOOD);
    await yargs(["lint", file, "-"])
      .strict()
      .command(command as never)
      .exitProcess(false)
      .parseAsync();
    expect(codes).toEqual([1]);
    expect(io.stdout).toMatch(/^standard input:/);
  });

  it("shows an example in its help", async () => {
    const parser = yargs().scriptName("smelter").wrap(120).exitProcess(false);
    parser.command(lintCommand(fakeIo(), () => undefined) as never);
    const help = await new Promise<string>((resolve) => {
      void parser.parse(["lint", "--help"], (_: unknown, __: unknown, output: string) => resolve(output));
    });
    expect(help).toContain("smelter migrate lint clusters/");
    expect(help).toContain("--exit-code");
  });
});
