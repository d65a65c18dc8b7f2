import { isDeepStrictEqual } from "node:util";
import { isRecord } from "./watch-line.js";

/** Whose opinion of the configuration it is. */
export type StateWriter = Readonly<{ component: "controller" } | { component: "speaker"; node: string }>;

const CONDITION_TYPES = { controller: "poolReconcilerValid", speaker: "configReconcilerValid" } as const;
const MAX_MESSAGE_CHARACTERS = 32_768; // of a condition, by its schema
const MAX_LABEL_CHARACTERS = 63; // a Node's name may have 253

/** The names that tools know. */
export function stateName(writer: StateWriter): string {
  return writer.component === "controller" ? "controller" : `speaker-${writer.node}`;
}

export function stateLabels(writer: StateWriter): Readonly<Record<string, string>> {
  const labels = { "metallb.io/component-type": writer.component };
  if (writer.component === "controller" || writer.node.length > MAX_LABEL_CHARACTERS) return labels;
  return { ...labels, "metallb.io/node-name": writer.node };
}

/**
 * The status that a ConfigurationState is to have; undefined where it has it. A condition keeps the time of its last
 * transition while it stays true, or false.
 * @param problems in sentences; [] where the newest configuration is in use
 * @param before the status there is, untyped
 * @param date milliseconds since the Unix epoch
 */
export function stateStatus(writer: StateWriter, problems: readonly string[], before: unknown, date: number) {
  const type = CONDITION_TYPES[writer.component];
  const isValid = problems.length === 0;
  const message = problems.join("\n").slice(0, MAX_MESSAGE_CHARACTERS);
  const conditions = isRecord(before) && Array.isArray(before["conditions"]) ? (before["conditions"] as unknown[]) : [];
  const condition = conditions.find((one) => isRecord(one) && one["type"] === type);
  const status = isValid ? "True" : "False";
  const since = isRecord(condition) && condition["status"] === status ? condition["lastTransitionTime"] : undefined;
  const wanted = {
    result: isValid ? "Valid" : "Invalid",
    errorSummary: message,
    conditions: [
      {
        type,
        status,
        reason: isValid ? "Reconciled" : "ConfigurationError",
        message,
        lastTransitionTime: typeof since === "string" ? since : `${new Date(date).toISOString().slice(0, 19)}Z`,
      },
    ],
  };
  // An empty text may have been left out by whoever wrote it.
  const present = isRecord(before) ? { errorSummary: "", ...before } : undefined;
  return isDeepStrictEqual(present, wanted) ? undefined : wanted;
}
