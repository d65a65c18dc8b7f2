// docs/configuration.md: every key of both sources, off the schemas that they are read by.
import { legacySchema } from "../src/config/legacy-schema.js";
import { KINDS, type Kind, type Schema } from "./resource-kinds.js";
import { wordsFor, type Words } from "./schema-words.js";

type Key = Readonly<{ path: string; schema: Schema; isRequired: boolean; words: Words }>;

/** All keys below a schema, in its order, each before those within it. */
function keysOf(schema: Schema, kind: string, path = ""): Key[] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const required = (schema["required"] ?? []) as readonly string[];
  const keys: Key[] = [];
  for (const [name, child] of Object.entries(properties)) {
    const inner = path === "" ? name : `${path}.${name}`;
    keys.push({ path: inner, schema: child, isRequired: required.includes(name), words: wordsFor(kind, inner) });
    keys.push(...keysOf(child, kind, inner));
  }
  const branches = [schema["anyOf"], schema["oneOf"]].flatMap((list) => (list ?? []) as readonly Schema[]);
  for (const branch of branches) keys.push(...keysOf(branch, kind, path));
  if (schema["items"] !== undefined) keys.push(...keysOf(schema["items"] as Schema, kind, `${path}[]`));
  return [...new Map(keys.map((key) => [key.path, key])).values()];
}

const TYPES: Readonly<Record<string, string>> = { string: "text", boolean: "true or false", object: "mapping" };

function typeOf(schema: Schema): string {
  const { type, items, additionalProperties } = schema;
  if (schema["enum"] !== undefined) {
    const words = (schema["enum"] as readonly string[]).filter((word) => word !== "");
    return words.map((word) => `\`${word}\``).join(", ");
  }
  const branches = (schema["anyOf"] ?? schema["oneOf"]) as readonly Schema[] | undefined;
  if (branches !== undefined) return branches.map(typeOf).join(" or ");
  if (type === "array") return `list of ${pluralOf(typeOf((items ?? {}) as Schema))}`;
  if (type === "integer") return "whole number";
  if (typeof additionalProperties === "object") return "mapping to texts";
  return TYPES[String(type)] ?? "mapping";
}

const pluralOf = (word: string): string => (/^(text|mapping)$/.test(word) ? `${word}s` : word);

function rangeOf({ minimum, maximum, minItems, uniqueItems }: Schema): string {
  const parts: string[] = [];
  if (minimum !== undefined && maximum !== undefined) parts.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) parts.push(`${minimum} and more`);
  else if (maximum !== undefined) parts.push(`up to ${maximum}`);
  if (minItems !== undefined) parts.push("not empty");
  if (uniqueItems === true) parts.push("no repeats");
  return parts.join(", ");
}

function defaultOf({ schema, isRequired, words }: Key): string {
  if (isRequired) return "**required**";
  if (words.absent !== undefined) return words.absent;
  return schema["default"] === undefined ? "" : `\`${JSON.stringify(schema["default"])}\``;
}

function table(keys: readonly Key[], earliest: string): string {
  const rows = keys.map((key) => {
    const { path, schema, words } = key;
    const cells = [
      `\`${path}\``,
      typeOf(schema),
      rangeOf(schema),
      defaultOf(key),
      words.since ?? earliest,
      words.meaning,
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const head = "| Key | Type | Range | When absent | Since | Meaning |\n| --- | --- | --- | --- | --- | --- |";
  return [head, ...rows].join("\n");
}

function isSelector({ path }: Key): boolean {
  return /\.(match-?[lL]abels|match-?[eE]xpressions)/.test(path);
}

function kindSection({ kind, summary, versions }: Kind): string {
  const newest = versions.at(-1);
  const { spec } = (newest?.schema?.["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const older = versions.slice(0, -1).flatMap(({ name, schema }) => {
    const required = (schema?.["properties"] as Readonly<Record<string, Schema>> | undefined)?.["spec"]?.["required"];
    const keys = ((required ?? []) as readonly string[]).map((key) => `\`${key}\``).join(", ");
    return `Also as \`metallb.io/${name}\`, out of use: the same keys, of which ${keys} are required.`;
  });
  const keys = keysOf(spec ?? {}, kind).filter((key) => !isSelector(key));
  return [`### ${kind} (\`metallb.io/${newest?.name}\`)`, summary, ...older, table(keys, "v0.13.0")].join("\n\n");
}

const INTRODUCTION = `<!-- Written by make manifests from the schemas in src/config and scripts/schema-words.ts. -->

# Configuration

Smelter reads the ConfigMap of MetalLB v0.7 to v0.12 and the \`metallb.io\` resources of v0.13 and later, also both at
once: then a resource wins over what the ConfigMap says of the same pool, peer or profile, with a notice. A
configuration with a fault is refused as a whole, with all its faults, and the last good one stays in force. Unknown keys
are a fault in the ConfigMap, as they always were, and a notice in a resource.

An editor checks resources while they are written, with this line at the top of a file (the path is relative to it):

\`\`\`yaml
# yaml-language-server: $schema=schemas/manifests.json
\`\`\`

[schemas/](schemas) also has a file for each kind, and \`configmap-config.json\` for the document within the ConfigMap.
The same schemas are in [manifests/crds](../manifests/crds), with the rules on what may stand beside what; there a pool
may have at most 4096 entries, an advertisement 1000 communities and a Community 2048 aliases, since the API server
bounds what rules cost. Since is the release of MetalLB that had the key first; keys that are Smelter's own need the
definitions in manifests/crds, as those of MetalLB drop them.

The definitions take the place of those of MetalLB, objects and all: \`kubectl replace -f manifests/crds\` for those that
are there, \`kubectl apply -f manifests/crds\` for the rest. Server-side apply is not enough for BGPPeer, since it leaves
the conversion webhook of the old definition in place; no webhook converts peers here, as both versions have the same
keys.`;

const SELECTORS = `## Selectors

A list of selectors matches where any of its elements does. Within one element everything has to hold; \`{}\` matches
everything. Two equal elements are a fault.`;

const REFERENCES = `## What refers to what

| From | To | When it is not there |
| --- | --- | --- |
| BGPPeer \`bfdProfile\` | BFDProfile | refused for now: it may come yet |
| BGPPeer \`passwordSecret.name\` | Secret of type \`kubernetes.io/basic-auth\` | refused for now: it may come yet |
| BGPAdvertisement \`communities\`, \`serviceRequests.communities\` | alias of a Community | refused for now, where it can be an alias (no colon in it)|
| L2Advertisement, BGPAdvertisement \`ipAddressPools\` | IPAddressPool | a notice |
| BGPAdvertisement \`peers\` | BGPPeer | a notice |

Everything is looked for in one namespace. Refused as a whole are also: addresses in two pools; an aggregation length
shorter than a prefix of a pool that it is for; two advertisements that send the same route of a pool to the same peer
from the same node with unlike \`localPref\` or \`asPathPrepend\`; BFD echo towards a peer that is told of a pool with IPv6 addresses; an alias
that is defined twice. The ConfigMap \`bgpextras\` (raw configuration of FRR) is not used; a notice says so.`;

const SERVICE_REQUESTS = `## What Services may ask of BGP

The owner of a Service may ask for more communities, or another local preference, where a BGPAdvertisement for it says so
(\`serviceRequests\`); without that nothing is asked for, and whoever may write Services cannot steer a router.

| Annotation of the Service | Value | What it does |
| --- | --- | --- |
| \`metallb.io/bgp-communities\` | up to 32 communities or aliases, parted by commas | Adds them to the routes of its addresses |
| \`metallb.io/bgp-local-pref\` | 0 to 4294967295 | Takes the place of the advertisement's \`localPref\`; sent to peers of the same AS only |

Aliases are those that \`serviceRequests.communities\` names. What is not allowed, or cannot be read, is left out, and the
Service is announced without it; an Event (\`bgpRequestRefused\`) says so, once and from one node. Of several
advertisements only the routes of those that allow it are changed. Services that share an address have the communities of all
of them, and the local preference of the first by namespace and name; where a message has no room for all, those that owners
ask for are left out before any of the administrator's. [examples/bgp-requests.yaml](../examples/bgp-requests.yaml)
has all of it.`;

/** The page, not yet formatted. */
export function configurationPage(): string {
  const configures = KINDS.filter(({ versions }) => versions.some(({ schema }) => schema !== undefined));
  const legacy = keysOf(legacySchema, "ConfigMap");
  return [
    INTRODUCTION,
    "## Resources",
    ...configures.map(kindSection),
    SERVICE_REQUESTS,
    SELECTORS,
    table(selectorKeys(), ""),
    REFERENCES,
    "## The ConfigMap",
    "The YAML document in the key `config`. In its selectors the keys are `match-labels` and `match-expressions`.",
    table(
      legacy.filter((key) => !isSelector(key)),
      "always",
    ),
    "",
  ].join("\n\n");
}

function selectorKeys(): Key[] {
  const peer = KINDS.find(({ kind }) => kind === "BGPPeer")?.versions.at(-1);
  const { spec } = (peer?.schema?.["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const prefix = "nodeSelectors[].";
  return keysOf(spec ?? {}, "BGPPeer").flatMap((key) =>
    key.path.startsWith(prefix) ? [{ ...key, path: key.path.slice(prefix.length) }] : [],
  );
}
