import type { Fault } from "../runtime/net/fault.js";
import type { Generation, GenerationRuleName } from "./generations.js";
import { judge } from "./generations.js";
import type { Notice } from "./model.js";
import type { Place } from "./place.js";
import { faultAt, noticeOf } from "./place.js";

/** Where the readers of a legacy document's parts put what they find. Paths lead into the document. */
export type LegacyContext = Readonly<{
  place: Place;
  refuse(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what is taken and has no effect. */
  ignore(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what contradicts itself and was taken all the same. */
  conflict(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what some releases refused and others took. */
  differ(rule: GenerationRuleName, path: string, value: unknown): void;
}>;

/** What was found, in the order of finding. BOUNDED by the values of the document. */
export type LegacyFindings = Readonly<{ faults: Fault[]; notices: Notice[] }>;

export function createLegacyContext(
  place: Place,
  generation: Generation | undefined,
  { faults, notices }: LegacyFindings,
): LegacyContext {
  return {
    place,
    refuse: (path, value, problem, remedy) => {
      faults.push(faultAt(place, path, value, problem, remedy));
    },
    ignore: (path, value, problem, remedy) => {
      notices.push(noticeOf(faultAt(place, path, value, problem, remedy), "ignored"));
    },
    conflict: (path, value, problem, remedy) => {
      notices.push(noticeOf(faultAt(place, path, value, problem, remedy), "conflict"));
    },
    differ: (rule, path, value) => {
      const verdict = judge(rule, generation, (problem, remedy) => faultAt(place, path, value, problem, remedy));
      if (verdict === undefined) return;
      if ("fault" in verdict) faults.push(verdict.fault);
      else notices.push(verdict.notice);
    },
  };
}
