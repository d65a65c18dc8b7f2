import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { exclusionOf } from "../../../src/runtime/layer2/interface-choice.js";
import { readExcludedInterfaces } from "../../../src/runtime/speaker-node.js";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-excludes-"));
  file = join(folder, "excludel2.yaml");
});
afterEach(() => rm(folder, { recursive: true }));

const NAMES = ["lo", "eth0", "docker0", "cali12", "lom", "br-lan"];

it.each<{ name: string; text: string | undefined; excluded: readonly string[] }>([
  { name: "no file", text: undefined, excluded: [] },
  { name: "an empty file", text: "", excluded: [] },
  { name: "comments alone", text: "# nothing yet\n", excluded: [] },
  { name: "other fields", text: "somethingElse: [eth0]\n", excluded: [] },
  {
    name: "expressions, which match any part of the name",
    text: 'announcedInterfacesToExclude: ["^docker.*", "^cali.*", "^lo$", lan]\n',
    excluded: ["lo", "docker0", "cali12", "br-lan"],
  },
])("readExcludedInterfaces() of $name", async ({ text, excluded }) => {
  if (text !== undefined) await writeFile(file, text);
  expect(NAMES.filter(exclusionOf(await readExcludedInterfaces(file)))).toEqual(excluded);
});

it.each([
  { name: "a text in place of the list", text: "announcedInterfacesToExclude: eth0\n", message: /not a list/ },
  { name: "what is no expression", text: 'announcedInterfacesToExclude: ["("]\n', message: /list of expressions$/ },
  { name: "what is no YAML", text: "announcedInterfacesToExclude: [\n", message: /list of expressions$/ },
])("readExcludedInterfaces() refuses $name, with the file and a remedy", async ({ text, message }) => {
  await writeFile(file, text);
  await expect(readExcludedInterfaces(file)).rejects.toThrow(message);
  await expect(readExcludedInterfaces(file)).rejects.toThrow(file);
});
