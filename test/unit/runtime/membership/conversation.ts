import { createSecretKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { KeyRing } from "../../../../src/runtime/membership/keys.js";
import { octets } from "./octets.js";

const FOLDER = new URL("conversations/", import.meta.url);

/** What one member heard of real ones, in its order; a stream came in, or is the answer to one that went out. */
export type Conversation = Readonly<{
  name: string;
  keys: KeyRing;
  heard: readonly Readonly<{ kind: "packet" | "stream" | "answer"; wire: Uint8Array }>[];
}>;

/** Captured in front of memberlist v0.1.7 and v0.5.1. */
export function readConversations(): readonly Conversation[] {
  return readdirSync(FOLDER).map((file) => {
    const lines = readFileSync(new URL(file, FOLDER), "utf8").trim().split("\n");
    const pairs = lines.filter((line) => !line.startsWith("#")).map((line) => line.split(" "));
    const keyTexts = pairs.flatMap(([kind, text = ""]) => (kind === "key" && text !== "" ? [text] : []));
    return {
      name: file.replace(/\.txt$/, ""),
      keys: keyTexts.map((text) => createSecretKey(octets(text))),
      heard: pairs.flatMap(([kind, text = ""]) =>
        kind === "packet" || kind === "stream" || kind === "answer" ? [{ kind, wire: octets(text) } as const] : [],
      ),
    };
  });
}
