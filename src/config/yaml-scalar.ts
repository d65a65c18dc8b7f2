import type { YamlScalar } from "./yaml-node.js";

/** What a scalar means to the YAML 1.1 readers of Kubernetes: no base-60 numbers, no dates, `yes` is true. */
export type ScalarMeaning =
  | Readonly<{ type: "null" }>
  | Readonly<{ type: "bool"; value: boolean }>
  /** Exact up to 2^53; what is larger is out of range for every field that there is. */
  | Readonly<{ type: "int"; value: number }>
  | Readonly<{ type: "float"; value: number }>
  | Readonly<{ type: "string"; value: string }>
  | Readonly<{ type: "invalid"; problem: string }>;

const WORDS: ReadonlyMap<string, ScalarMeaning> = new Map<string, ScalarMeaning>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map(wordFor(true)),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map(wordFor(false)),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, { type: "null" }] as const),
  ...[".nan", ".NaN", ".NAN"].map(floatFor(Number.NaN)),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map(floatFor(Number.POSITIVE_INFINITY)),
  ...["-.inf", "-.Inf", "-.INF"].map(floatFor(Number.NEGATIVE_INFINITY)),
]);

function wordFor(value: boolean): (word: string) => readonly [string, ScalarMeaning] {
  return (word) => [word, { type: "bool", value }];
}

function floatFor(value: number): (word: string) => readonly [string, ScalarMeaning] {
  return (word) => [word, { type: "float", value }];
}

/** Most numbers that are written: exact as they are. */
const PLAIN_DECIMAL = /^[1-9]\d{0,14}$/;
const FLOAT = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/;
const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** The meaning of a scalar by its text, quotes and tag. Never throws. */
export function meaningOf({ text, style, tag }: YamlScalar): ScalarMeaning {
  if (tag === "" && style !== "plain") return { type: "string", value: text };
  if (tag === "binary") return decodeBinary(text);
  if (!["", "int", "float", "bool", "null", "timestamp"].includes(tag)) return { type: "string", value: text };
  const meaning = plainMeaning(text);
  if (tag === "" || tag === meaning.type || tag === "timestamp") return meaning;
  if (tag === "float" && meaning.type === "int") return { type: "float", value: meaning.value };
  return { type: "invalid", problem: `has the tag !!${tag}, which does not fit the text` };
}

function plainMeaning(text: string): ScalarMeaning {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (PLAIN_DECIMAL.test(text)) return { type: "int", value: Number(text) };
  if (/^[-+]?\d/.test(text)) {
    const digits = text.replaceAll("_", "");
    const integer = parseInteger(digits);
    if (integer !== undefined) return { type: "int", value: Number(integer) };
    if (FLOAT.test(digits)) return floatOrText(digits, text);
  }
  if (/^\.\d/.test(text) && FLOAT.test(text)) return floatOrText(text, text);
  if (/^[-+][._]/.test(text) && FLOAT.test(text.replaceAll("_", "")))
    return floatOrText(text.replaceAll("_", ""), text);
  return { type: "string", value: text };
}

function floatOrText(digits: string, text: string): ScalarMeaning {
  const value = Number(digits);
  return Number.isFinite(value) ? { type: "float", value } : { type: "string", value: text };
}

/** Go's integer literals: 0x, 0b and 0o prefixes, octal after a leading 0; undefined outside 64 bits. */
function parseInteger(text: string): bigint | undefined {
  const [, sign = "", prefix = "", digits = ""] = /^([-+]?)(0[xX]|0[bB]|0[oO]|0(?=\d)|)(.*)$/.exec(text) ?? [];
  const pattern = INTEGER_DIGITS[prefix.toLowerCase()];
  if (pattern === undefined || !pattern.test(digits)) return undefined;
  const literal = prefix === "0" ? `0o${digits}` : `${prefix.toLowerCase()}${digits}`;
  const value = BigInt(literal) * (sign === "-" ? -1n : 1n);
  const max = sign === "+" ? MAX_UINT64 >> 1n : MAX_UINT64;
  return MIN_INT64 <= value && value <= max ? value : undefined;
}

const INTEGER_DIGITS: Readonly<Record<string, RegExp>> = {
  "": /^\d+$/,
  "0": /^[0-7]+$/,
  "0o": /^[0-7]+$/,
  "0b": /^[01]+$/,
  "0x": /^[0-9a-fA-F]+$/,
};

function decodeBinary(text: string): ScalarMeaning {
  const base64 = text.replaceAll(/[\r\n]/g, "");
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    return { type: "invalid", problem: "has the tag !!binary and is not base64" };
  }
  return { type: "string", value: Buffer.from(base64, "base64").toString("utf8") };
}
