import { expect, it } from "vitest";
import {
  answersOf,
  createAnsweredByOthers,
  createAnsweredRequests,
  isAnsweredByOther,
  markRequest,
  noteAnswered,
  noteHandover,
  noteStrangers,
} from "../../../../src/runtime/layer2/answered-requests.js";
import { arpProtocol } from "../../../../src/runtime/layer2/arp-responder.js";
import { ndpProtocol } from "../../../../src/runtime/layer2/ndp-responder.js";
import type { RequestForm } from "../../../../src/runtime/layer2/recent-requests.js";

/** A frame of nothing but zeros, with one octet set. */
function frame(at: number, value: number): DataView {
  const octets = new Uint8Array(128);
  octets[at] = value;
  return new DataView(octets.buffer);
}

it.each<{ name: string; form: RequestForm; counts: readonly number[]; doesNot: readonly number[] }>([
  {
    name: "ARP: sender's MAC and IP, target IP",
    form: arpProtocol.requestForm,
    counts: [22, 31, 38, 41],
    doesNot: [6, 32],
  },
  { name: "NDP: source and target", form: ndpProtocol.requestForm, counts: [22, 37, 62, 77], doesNot: [6, 38, 80] },
])("marks a request by who asks for what, $name", ({ form, counts, doesNot }) => {
  const plain = markRequest(form, frame(0, 0), 0);
  for (const at of counts) expect([at, markRequest(form, frame(at, 1), 0) === plain]).toEqual([at, false]);
  for (const at of doesNot) expect([at, markRequest(form, frame(at, 1), 0) === plain]).toEqual([at, true]);
  expect(markRequest(form, frame(counts[0] ?? 0, 1), 0)).not.toBe(markRequest(form, frame(counts[1] ?? 0, 1), 0));
});

it("hands over what was answered in the time that is asked for, the newest first", () => {
  const answered = createAnsweredRequests();
  for (const at of [0, 700, 800, 900]) noteAnswered(answered, at, at);
  expect(answersOf(answered, 1000, 250)).toEqual({ coveredMilliseconds: 250, answered: [900, 800] });
  expect(answersOf(answered, 1000, 2000)).toEqual({ coveredMilliseconds: 2000, answered: [900, 800, 700, 0] });
  expect(answersOf(createAnsweredRequests(), 1000, 250)).toEqual({ coveredMilliseconds: 250, answered: [] });
});

it("says how far back it goes where there were more answers than it remembers", () => {
  const answered = createAnsweredRequests();
  for (let number = 0; number < 600; number += 1) noteAnswered(answered, number, number);
  const { coveredMilliseconds, answered: list } = answersOf(answered, 600, 1000);
  expect([coveredMilliseconds, list.length, list[0], list.at(-1)]).toEqual([512, 512, 599, 88]);
});

it("knows a request as answered that another machine named, and also one that comes a little later than its name", () => {
  const others = createAnsweredByOthers();
  noteHandover(others, { coveredMilliseconds: 250, answered: [7] }, 1000);
  const rows = [
    [7, 990, true],
    [7, 1020, true],
    [7, 1021, false], // it is asked once more
    [8, 990, false],
    [8, 749, true], // nobody can say
  ] as const;
  expect(rows.map(([mark, at]) => [mark, at, isAnsweredByOther(others, mark, at)])).toEqual(rows);
});

it("knows nothing of others where none has said anything", () => {
  expect(isAnsweredByOther(createAnsweredByOthers(), 7, 0)).toBe(false);
});

it("keeps what was said for a second, of some thousand requests at most", () => {
  const others = createAnsweredByOthers();
  const some = (count: number, from: number) => Array.from({ length: count }, (_, index) => from + index);
  noteHandover(others, { coveredMilliseconds: 250, answered: [7] }, 0);
  noteHandover(others, { coveredMilliseconds: 250, answered: some(8192, 100) }, 500);
  expect([others.saidAt.size, others.saidAt.has(7)]).toEqual([8192, false]);
  noteHandover(others, { coveredMilliseconds: 250, answered: [9] }, 1501);
  expect([...others.saidAt.keys()]).toEqual([9]);
});

it("takes everything for answered while speakers live that do not say what they answer, and what came before they were gone", () => {
  const others = createAnsweredByOthers();
  noteStrangers(others, false, 0);
  expect(isAnsweredByOther(others, 7, 10)).toBe(false);
  noteStrangers(others, true, 100);
  noteStrangers(others, true, 200);
  expect(isAnsweredByOther(others, 7, 900)).toBe(true);
  noteStrangers(others, false, 1000);
  expect([999, 1000].map((at) => isAnsweredByOther(others, 7, at))).toEqual([true, false]);
});
