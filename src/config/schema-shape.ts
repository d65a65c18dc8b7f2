/**
 * The type of what is left of a value when everything that does not fit its JSON schema has been taken out: any key may
 * be absent, any element undefined. For schemas that are constants (`as const`).
 */
export type Shape<Schema> = Schema extends { readonly enum: readonly (infer Word)[] }
  ? Word
  : Schema extends { readonly type: "string" }
    ? string
    : Schema extends { readonly type: "integer" }
      ? number
      : Schema extends { readonly type: "boolean" }
        ? boolean
        : Schema extends { readonly items: infer Items }
          ? readonly (Shape<Items> | undefined)[]
          : Schema extends { readonly properties: infer Properties }
            ? { readonly [Key in keyof Properties]?: Shape<Properties[Key]> }
            : Schema extends { readonly additionalProperties: infer Values }
              ? Readonly<Record<string, Shape<Values>>>
              : unknown;

/** The shape of the spec in a schema of a whole object. */
export type SpecShape<Schema extends Readonly<{ properties: Readonly<{ spec: unknown }> }>> = Shape<
  Schema["properties"]["spec"]
>;
