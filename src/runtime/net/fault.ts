/**
 * Why an input is refused, in the parts that every message needs. `object` names the thing as its owner would
 * (`ConfigMap metallb-system/config`, `Service default/nginx`), `path` is a JSON pointer into it ("" for the whole),
 * `line` and `column` count from 1 where the text is known. `value` is never the value of a secret.
 */
export type Fault = Readonly<{
  object: string;
  path: string;
  value: unknown;
  problem: string;
  remedy: string;
  file?: string;
  line?: number;
  column?: number;
  /** Which rule it breaks, for whoever tells findings apart: the words are for people, and change. */
  code?: FaultCode;
  /** It may pass by itself: what is referred to may be on its way. Refused all the same where it is to be used now. */
  transient?: true;
}>;

/** Rules that findings are told apart by; most have none. */
export type FaultCode =
  | "duplicate-object"
  | "address-overlap"
  | "community-undefined"
  | "bfd-profile-undefined"
  | "pool-without-advertisement"
  | "pool-undefined"
  | "peer-undefined"
  | "node-without-peer"
  | "not-read";

/** In the place of a value that may be a secret, or is too long to show: messages then leave the value out. */
export const HIDDEN_VALUE = "(not shown)";

const MAX_VALUE_CHARACTERS = 120;

/** `Cannot use <object>: <path> is <value>, <problem>: <remedy>`, with the position in front where it is known. */
export function describeFault(fault: Fault): string {
  return `${describePosition(fault)}Cannot use ${describeFinding(fault)}`;
}

/** The same of what is only worth telling: `<object>: <path> is <value>, <problem>: <remedy>`. */
export function describeRemark(remark: Fault): string {
  return `${describePosition(remark)}${describeFinding(remark)}`;
}

function describeFinding({ object, path, value, problem, remedy }: Fault): string {
  const subject = path === "" ? "it" : value === HIDDEN_VALUE ? path : `${path} is ${describeValue(value)}, which`;
  return `${object}: ${subject} ${problem}: ${remedy}`;
}

function describePosition({ file, line, column }: Fault): string {
  if (line === undefined) return file === undefined ? "" : `${file}: `;
  return `${file === undefined ? "line " : `${file}:`}${line}${column === undefined ? "" : `:${column}`}: `;
}

/** One line of JSON, shortened, so that a fault about a large value stays readable. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "absent";
  const text =
    JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString() : part)) ?? String(value);
  return text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS)}…` : text;
}
