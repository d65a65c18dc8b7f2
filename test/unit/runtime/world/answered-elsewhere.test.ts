import { expect, it } from "vitest";
import {
  ANSWERED_ANNOTATION,
  answeredText,
  MAX_ANSWERED,
  readAnswered,
  type AnsweredView,
} from "../../../../src/runtime/world/answered-elsewhere.js";

const MACHINE = "02:00:00:00:00:03";

const stateWith = (annotation: string | undefined) => ({
  metadata: {
    name: "speaker-n1",
    namespace: "metallb-system",
    ...(annotation !== undefined && { annotations: { [ANSWERED_ANNOTATION]: annotation, other: "kept" } }),
  },
});

it("what a speaker writes is read again", () => {
  const answered = ["192.0.2.1", "2001:db8::1"].map((address) => ({ address, machine: MACHINE }));
  expect(readAnswered(stateWith(answeredText(answered)))).toEqual({ ok: true, value: answered });
  expect(answeredText([])).toBe("");
});

it.each<{ name: string; annotation: string | undefined; read: AnsweredView[] }>([
  { name: "no annotation", annotation: undefined, read: [] },
  { name: "an empty one", annotation: "", read: [] },
  {
    name: "one with other words in it",
    annotation: `x 192.0.2.x=${MACHINE} 192.0.2.1=${MACHINE} 192.0.2.2=me 192.0.2.3`,
    read: [{ address: "192.0.2.1", machine: MACHINE }],
  },
])("of $name what can be read is taken", ({ annotation, read }) => {
  expect(readAnswered(stateWith(annotation))).toEqual({ ok: true, value: read });
});

it("an object that is none is refused, and a long list cut, on both sides", () => {
  expect(readAnswered({ metadata: { annotations: 7 } }).ok).toBe(false);
  const many = Array.from({ length: 300 }, (_, index) => ({
    address: `192.0.${index >> 8}.${index & 255}`,
    machine: MACHINE,
  }));
  expect(answeredText(many).split(" ")).toHaveLength(MAX_ANSWERED);
  const text = many.map(({ address, machine }) => `${address}=${machine}`).join(" ");
  const read = readAnswered(stateWith(text));
  expect(read.ok && read.value.length).toBe(MAX_ANSWERED);
});
