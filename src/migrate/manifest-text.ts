/** A value as manifests have them. undefined: the key is left out. */
export type ManifestScalar = string | number | boolean;
export type ManifestValue = ManifestScalar | readonly (ManifestScalar | ManifestObject)[] | ManifestObject;
export type ManifestObject = Readonly<{ [key: string]: ManifestValue | undefined }>;

/**
 * A stream of YAML documents. Every text that any YAML reader, 1.1 or 1.2, could take for something else is quoted:
 * what is left bare begins with a letter and is no word with a meaning. The same objects give the same octets.
 */
export function yamlStream(objects: readonly ManifestObject[]): string {
  const lines: string[] = []; // BOUNDED by the values of the objects
  for (const [index, object] of objects.entries()) {
    if (index > 0) lines.push("---");
    writeMapping(lines, object, "", "");
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** One `List` object, indented: a stream that is one JSON document. */
export function jsonList(objects: readonly ManifestObject[]): string {
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, undefined, 2)}\n`;
}

/** A ConfigMap with its document as a literal block, so that people can read and edit it. `config`: as yamlStream gives it. */
export function configMapText(name: string, namespace: string, config: string): string {
  const header = yamlStream([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } }]);
  if (config === "") return `${header}data:\n  config: ""\n`;
  return `${header}data:\n  config: |\n${config.replaceAll(/^(?=.)/gm, "    ")}`;
}

/** `first` goes in front of the first line in place of the indentation: the dash of a list. */
function writeMapping(lines: string[], mapping: ManifestObject, indent: string, first: string): void {
  let prefix = first;
  for (const [key, value] of Object.entries(mapping)) {
    if (value === undefined) continue;
    const name = `${prefix}${yamlScalar(key)}:`;
    prefix = indent;
    if (typeof value !== "object") {
      lines.push(`${name} ${yamlScalar(value)}`);
    } else if (isEmpty(value)) {
      lines.push(`${name} ${Array.isArray(value) ? "[]" : "{}"}`);
    } else {
      lines.push(name);
      if (Array.isArray(value)) writeList(lines, value as readonly (ManifestScalar | ManifestObject)[], indent);
      else writeMapping(lines, value as ManifestObject, `${indent}  `, `${indent}  `);
    }
  }
}

function writeList(lines: string[], list: readonly (ManifestScalar | ManifestObject)[], indent: string): void {
  for (const item of list) {
    if (typeof item !== "object") lines.push(`${indent}- ${yamlScalar(item)}`);
    else if (isEmpty(item)) lines.push(`${indent}- {}`);
    else writeMapping(lines, item, `${indent}  `, `${indent}- `);
  }
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((part) => part === undefined);
}

const PLAIN = /^[A-Za-z][A-Za-z0-9./_-]*$/;
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i;

function yamlScalar(value: ManifestScalar): string {
  if (typeof value !== "string") return String(value);
  return PLAIN.test(value) && !WORDS.test(value) ? value : quoted(value);
}

/** JSON's quoting, with what YAML reads as line breaks or refuses to read escaped the way YAML does. */
function quoted(text: string): string {
  return JSON.stringify(text)
    .replaceAll(/[^\u0020-\u007e\u00a0-\ud7ff]/gu, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
    })
    .replaceAll(/[\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}
