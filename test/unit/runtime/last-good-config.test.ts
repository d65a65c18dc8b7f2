import { expect, it } from "vitest";
import { keptText } from "../../../src/config/kept-documents.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import { createLastGoodConfig } from "../../../src/runtime/last-good-config.js";

const config = (addresses: string) =>
  readDocuments(
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "config", namespace: "metallb-system" },
      data: { config: `address-pools:\n- {name: p, protocol: layer2, addresses: [${addresses}]}\n` },
    }),
    "config.json",
  ).documents;
const [GOOD, BETTER, BAD] = [config("192.0.2.0/24"), config("192.0.2.0/23"), config("192.0.2.0/33")];
const NAMES = new Map<string, string>([
  [keptText(GOOD), "good"],
  [keptText(BETTER), "better"],
  [keptText(BAD), "bad"],
  [keptText([]), "nothing"],
]);

/** What a shell is told and what is kept, in order; reading what was kept ends when it is told to. */
function createWorld(kept?: string) {
  const told: string[] = [];
  let finishReading: () => void = () => undefined;
  const nameOf = (text: string): string => NAMES.get(text) ?? text;
  const note = () => undefined;
  const changed = createLastGoodConfig({
    load: { namespace: "metallb-system", configMapName: "config" },
    read() {
      told.push("reading");
      return new Promise((resolve) => void (finishReading = () => resolve(kept)));
    },
    keep: (text) => void told.push(`keeps ${nameOf(text)}`),
    log: {
      debug: note,
      info: note,
      warn: note,
      error: (_fields, message) => void told.push(message.split(":")[0] ?? ""),
    },
    shell: {
      configRestored: (documents) => void told.push(`restored ${nameOf(keptText(documents))}`),
      configChanged: (documents) => void told.push(`changed ${nameOf(keptText(documents))}`),
    },
  });
  const read = async (): Promise<void> => {
    finishReading();
    await new Promise((resolve) => void setImmediate(resolve));
  };
  return { changed, read, told };
}

it("hands good documents on and keeps them, without a look at what was kept", () => {
  const { changed, told } = createWorld();
  for (const documents of [GOOD, BAD, BETTER]) changed(documents);
  expect(told).toEqual(["changed good", "keeps good", "changed bad", "changed better", "keeps better"]);
});

it("restores what was kept before the first documents, where they are refused", async () => {
  const { changed, read, told } = createWorld(keptText(GOOD));
  changed(BAD);
  expect(told).toEqual(["reading"]); // nothing is decided on a configuration that is refused
  await read();
  expect(told.slice(1)).toEqual(["The present configuration is refused", "restored good", "changed bad"]);
  changed(BETTER);
  expect(told.slice(4)).toEqual(["changed better", "keeps better"]);
});

it("goes on with the newest documents when they change while it reads", async () => {
  const { changed, read, told } = createWorld(keptText(GOOD));
  changed(BAD);
  changed(BETTER);
  await read();
  expect(told).toEqual([
    "reading",
    "keeps better",
    "The present configuration is refused",
    "restored good",
    "changed better",
  ]);
});

it("begins without, where nothing was kept or what was kept cannot be read", async () => {
  for (const kept of [undefined, "{"]) {
    const { changed, read, told } = createWorld(kept);
    changed(BAD);
    await read();
    expect(told.at(-1)).toBe("changed bad");
    expect(told).not.toContain("restored good");
  }
});

it("does not keep the absence of a configuration", () => {
  const { changed, told } = createWorld();
  changed([]);
  expect(told).toEqual(["changed nothing"]);
});
