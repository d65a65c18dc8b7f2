import type { Fault, FaultCode } from "../runtime/net/fault.js";
import type { Generation, GenerationRuleName } from "./generations.js";
import { GENERATION_RULES, conflictOf, differenceBetween, isRefusedByAll, refusalBy } from "./generations.js";
import type { Notice } from "./model.js";
import type { Place } from "./place.js";
import { faultAt, noticeOf } from "./place.js";

/** Where the readers of a legacy document's parts put what they find. Paths lead into the document. */
export type LegacyContext = Readonly<{
  refuse(path: string, value: unknown, problem: string, remedy: string, code?: FaultCode): void;
  /** For what is taken and has no effect. */
  ignore(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what contradicts itself and was taken all the same. */
  conflict(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what no release knew and installs have all the same: taken, whatever the release, and told. */
  tellDialect(path: string, value: unknown, problem: string, remedy: string): void;
  /** For what some releases refused and others took: a fault, or one notice for all places where it is so. */
  differ(rule: GenerationRuleName, path: string, value: unknown): void;
  /** Whether the document has the key, with whatever value: the releases knew a key or they did not. */
  isWritten(path: string): boolean;
}>;

/** What was found, in the order of finding. BOUNDED by the values of the document. */
export type LegacyFindings = Readonly<{
  faults: Fault[];
  notices: Notice[];
  differences: Map<GenerationRuleName, Difference>;
}>;
/** The first place where releases differ, and how many there are. */
type Difference = { path: string; value: unknown; count: number };

export function createLegacyContext(
  place: Place,
  generation: Generation | undefined,
  { faults, notices, differences }: LegacyFindings,
  isWritten: (path: string) => boolean,
): LegacyContext {
  const remark = (
    noticeClass: Notice["class"],
    path: string,
    value: unknown,
    problem: string,
    remedy: string,
  ): void => {
    notices.push(noticeOf(faultAt(place, path, value, problem, remedy), noticeClass));
  };
  return {
    refuse: (path, value, problem, remedy, code) => {
      faults.push(faultAt(place, path, value, problem, remedy, code));
    },
    ignore: (path, value, problem, remedy) => remark("ignored", path, value, problem, remedy),
    conflict: (path, value, problem, remedy) => remark("conflict", path, value, problem, remedy),
    tellDialect: (path, value, problem, remedy) => remark("generation", path, value, problem, remedy),
    differ: (rule, path, value) => {
      if (generation !== undefined) {
        const problem = refusalBy(rule, generation);
        if (problem !== undefined) faults.push(faultAt(place, path, value, problem, GENERATION_RULES[rule].remedy));
        return;
      }
      const known = differences.get(rule);
      if (known === undefined) differences.set(rule, { path, value, count: 1 });
      else known.count += 1;
    },
    isWritten,
  };
}

/**
 * What the releases differ in, told at the first place where it matters: one notice for each rule, or one fault for
 * each where no release took all of them.
 */
export function settleDifferences(place: Place, { faults, notices, differences }: LegacyFindings): void {
  const isRefused = isRefusedByAll(differences.keys());
  for (const [rule, { path, value, count }] of differences) {
    const problem = isRefused ? conflictOf(rule, differences.keys()) : differenceBetween(rule, count - 1);
    const finding = faultAt(place, path, value, problem, GENERATION_RULES[rule].remedy);
    if (isRefused) faults.push(finding);
    else notices.push(noticeOf(finding, "generation"));
  }
}
