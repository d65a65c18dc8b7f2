import type { Shape, SpecShape } from "./schema-shape.js";

/**
 * The spec of an AddressPool (v1alpha1 and v1beta1 are the same), as JSON schema: the resource that came between the
 * ConfigMap and IPAddressPool. It is read to be converted, never to be served from.
 */
const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;

const bgpAdvertisement = {
  type: "object",
  additionalProperties: false,
  properties: {
    aggregationLength: { type: "integer", minimum: 1, maximum: 32 },
    aggregationLengthV6: { type: "integer", minimum: 0, maximum: 128 },
    localPref: { type: "integer", minimum: 0, maximum: 4_294_967_295 },
    communities: texts,
  },
} as const;

export const addressPoolSchema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      additionalProperties: false,
      required: ["protocol", "addresses"],
      properties: {
        protocol: { type: "string", enum: ["layer2", "bgp"], description: "layer2 or bgp" },
        addresses: { type: "array", minItems: 1, items: text, description: "a list of prefixes and ranges" },
        autoAssign: { type: "boolean", description: "true or false" },
        bgpAdvertisements: { type: "array", items: bgpAdvertisement },
      },
    },
  },
} as const;

/** What is left of a spec when everything that does not fit its schema has been taken out. */
export type AddressPoolSpec = SpecShape<typeof addressPoolSchema>;
export type AddressPoolAdvertisement = Shape<typeof bgpAdvertisement>;
