// Writes manifests/crds/ from the schemas that the program itself reads resources by, so that the two cannot differ.
// Usage: node scripts/run-ts.mjs scripts/generate-crds.ts [--check]
import { readFile, writeFile } from "node:fs/promises";
import { dump } from "js-yaml";
import {
  bfdProfileSchema,
  bgpAdvertisementSchema,
  bgpPeerSchema,
  communitySchema,
  ipAddressPoolSchema,
  l2AdvertisementSchema,
} from "../src/config/resource-schemas.js";

type Schema = Readonly<Record<string, unknown>>;
type Column = Readonly<{ name: string; type: string; jsonPath: string; priority?: number }>;
type Definition = Readonly<{
  kind: string;
  plural: string;
  version: string;
  schema: Schema;
  columns: readonly Column[];
}>;

const spec = (name: string, type: string, path: string, priority?: number): Column => ({
  name,
  type,
  jsonPath: `.spec.${path}`,
  ...(priority === undefined ? {} : { priority }),
});
const ADVERTISED = [
  spec("IPAddressPools", "string", "ipAddressPools"),
  spec("IPAddressPool Selectors", "string", "ipAddressPoolSelectors"),
];

const definitions: readonly Definition[] = [
  {
    kind: "IPAddressPool",
    plural: "ipaddresspools",
    version: "v1beta1",
    schema: ipAddressPoolSchema,
    columns: [
      spec("Auto Assign", "boolean", "autoAssign"),
      spec("Avoid Buggy IPs", "boolean", "avoidBuggyIPs"),
      spec("Addresses", "string", "addresses"),
    ],
  },
  {
    kind: "L2Advertisement",
    plural: "l2advertisements",
    version: "v1beta1",
    schema: l2AdvertisementSchema,
    columns: [
      ...ADVERTISED,
      spec("Interfaces", "string", "interfaces"),
      spec("Node Selectors", "string", "nodeSelectors", 10),
    ],
  },
  {
    kind: "BGPAdvertisement",
    plural: "bgpadvertisements",
    version: "v1beta1",
    schema: bgpAdvertisementSchema,
    columns: [...ADVERTISED, spec("Peers", "string", "peers"), spec("Node Selectors", "string", "nodeSelectors", 10)],
  },
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    version: "v1beta2",
    schema: bgpPeerSchema,
    columns: [
      spec("Address", "string", "peerAddress"),
      spec("ASN", "string", "peerASN"),
      spec("BFD Profile", "string", "bfdProfile"),
      spec("Multi Hops", "string", "ebgpMultiHop"),
    ],
  },
  { kind: "Community", plural: "communities", version: "v1beta1", schema: communitySchema, columns: [] },
  {
    kind: "BFDProfile",
    plural: "bfdprofiles",
    version: "v1beta1",
    schema: bfdProfileSchema,
    columns: [
      spec("Passive Mode", "boolean", "passiveMode"),
      spec("Transmit Interval", "integer", "transmitInterval"),
      spec("Receive Interval", "integer", "receiveInterval"),
      spec("Multiplier", "integer", "detectMultiplier"),
    ],
  },
];

/** A structural schema, as the API server wants it: no closed objects (it drops what is unknown), lists as sets. */
function structural(schema: Schema): Schema {
  const { additionalProperties, uniqueItems, writeOnly: _, properties, items, ...rest } = schema;
  const children = properties as Readonly<Record<string, Schema>> | undefined;
  const isTextList = (items as Schema | undefined)?.["type"] === "string";
  return {
    ...rest,
    ...(rest["type"] === "integer" ? { format: "int64" } : {}),
    ...(uniqueItems === true && isTextList ? { "x-kubernetes-list-type": "set" } : {}),
    ...(children === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(children).map(([name, child]) => [name, structural(child)])) }),
    ...(items === undefined ? {} : { items: structural(items as Schema) }),
    ...(typeof additionalProperties === "object" && additionalProperties !== null
      ? { additionalProperties: structural(additionalProperties as Schema) }
      : {}),
  };
}

function customResourceDefinition({ kind, plural, version, schema, columns }: Definition): string {
  const singular = kind.toLowerCase();
  const openAPIV3Schema = structural({
    ...schema,
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      ...(schema["properties"] as object),
    },
  });
  const status = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const object = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.metallb.io` },
    spec: {
      group: "metallb.io",
      names: { kind, listKind: `${kind}List`, plural, singular },
      scope: "Namespaced",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          ...(columns.length === 0 ? {} : { additionalPrinterColumns: columns }),
          schema: {
            openAPIV3Schema: {
              ...openAPIV3Schema,
              properties: { ...(openAPIV3Schema["properties"] as object), status },
            },
          },
        },
      ],
    },
  };
  return `# Written by scripts/generate-crds.ts from src/config/resource-schemas.ts.\n${dump(object, { noRefs: true, lineWidth: 120 })}`;
}

const isCheck = process.argv.includes("--check");
for (const definition of definitions) {
  const file = `manifests/crds/${definition.plural}.yaml`;
  const text = customResourceDefinition(definition);
  if (!isCheck) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error(`${file} is not what src/config/resource-schemas.ts says: run make manifests`);
    process.exitCode = 1;
  }
}
