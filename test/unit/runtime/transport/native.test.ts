import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, it } from "vitest";
import { listLinks } from "../../../../src/runtime/transport/links.js";
import { explainSystemError, type NativePart } from "../../../../src/runtime/transport/native.js";

it("lists the interfaces that the kernel has", () => {
  expect(listLinks().find(({ name }) => name === "lo")).toMatchObject({
    index: 1,
    mac: undefined,
    broadcast: false,
    loopback: true,
    masterIndex: undefined,
    bonded: false,
    tap: false,
  });
});

const systemError = (code: string): Error => Object.assign(new Error(`Cannot do it: ${code} (bind)`), { code });

it.each([
  { error: systemError("EPERM"), code: "EPERM", message: /^Cannot do it: EPERM \(bind\): .*CAP_NET_RAW$/ },
  { error: systemError("ENODEV"), code: "ENODEV", message: /: nothing to do, it is used again when it is back$/ },
  { error: systemError("EDOM"), code: "EDOM", message: /^Cannot do it: EDOM \(bind\)$/ },
  { error: new TypeError("no such thing"), code: "UNKNOWN", message: /^no such thing$/ },
  { error: "a text", code: "UNKNOWN", message: /^a text$/ },
])("explainSystemError() of $error", ({ error, code, message }) => {
  expect(explainSystemError(error)).toEqual({ code, message: expect.stringMatching(message) });
});

let folder: string;
let loadNativePart: () => NativePart;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-native-"));
  const outfile = join(folder, "native.mjs");
  const entryPoints = ["src/runtime/transport/native.ts"];
  await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm", target: "node20.19" });
  ({ loadNativePart } = (await import(pathToFileURL(outfile).href)) as { loadNativePart: () => NativePart });
});
afterEach(() => rm(folder, { recursive: true }));

it("says what to do where the native part was not built", () => {
  expect(loadNativePart).toThrow(
    expect.objectContaining({ code: "ERR_NATIVE_PART_MISSING", message: expect.stringContaining("run make build") }),
  );
});

it("says what to do where the native part beside the program is for another system", async () => {
  await writeFile(join(folder, "smelter_native.node"), "not a shared object");
  expect(loadNativePart).toThrow(
    expect.objectContaining({ code: "ERR_NATIVE_PART_UNUSABLE", message: expect.stringContaining("not usable here") }),
  );
});
