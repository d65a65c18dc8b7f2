import type { KubernetesDocument } from "../config/documents.js";
import { loadConfig } from "../config/load.js";
import type { Model } from "../config/model.js";
import { Password } from "../config/password.js";
import { compareTexts } from "../config/place.js";
import { documentOfObject } from "../config/read-documents.js";
import type { Renames } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";

const BUG_REMEDY = "keep the ConfigMap and report this as a bug of Smelter";
const PRESENT_REMEDY =
  "convert without the resources beside it, or look for an advertisement among them that names no pools: it takes in the new ones";

/** Where resources are read back: `present` are objects of the namespace that stay beside them. */
export type ReadBack = Readonly<{
  namespace: string;
  /** Name of the ConfigMap among the objects; "" where there is none. */
  configMapName?: string;
  present?: readonly KubernetesDocument[];
}>;

/**
 * Reads resources back: they have to give the very model that they were made from, new names aside.
 * @returns nothing where they do, else what is wrong and what to do
 */
export function differenceOf(
  before: Model,
  objects: readonly ManifestObject[],
  renames: Renames,
  { namespace, configMapName = "", present = [] }: ReadBack,
): readonly [problem: string, remedy: string] | undefined {
  const remedy = present.length === 0 ? BUG_REMEDY : PRESENT_REMEDY;
  const documents: KubernetesDocument[] = [...present];
  for (const object of objects) {
    const document = documentOfObject(object);
    if (!document.ok) return [`becomes resources that are none (${document.fault.problem})`, remedy];
    documents.push(document.value);
  }
  const after = loadConfig(documents, { namespace, configMapName });
  if (!after.ok) {
    const [{ object = "", path = "", problem = "" } = {}] = after.fault;
    return [`becomes resources that are refused (${object} ${path} ${problem})`, remedy];
  }
  if (isSameModel(renamed(before, renames), after.value.model)) return undefined;
  return ["becomes resources that do not mean the same", remedy];
}

/** A model is plain data and passwords, which look all the same to a comparison that does not know them. */
export const isSameModel: (a: Model, b: Model) => boolean = isSame;

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Password) return b instanceof Password && a.equals(b);
  if (b instanceof Password) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  const keys = Object.keys(a);
  if (Array.isArray(b) || keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isSame(valueAt(a, key), valueAt(b, key)));
}

function valueAt(object: object, key: string): unknown {
  return (object as Readonly<Record<string, unknown>>)[key];
}

/** The model with the names that the resources have. */
export function renamed({ pools, peers, bfdProfiles, ...rest }: Model, renames: Renames): Model {
  const byName = (a: Readonly<{ name: string }>, b: Readonly<{ name: string }>) => compareTexts(a.name, b.name);
  const profileName = (name: string): string => renames.bfdProfiles.get(name) ?? name;
  return {
    ...rest,
    pools: pools.map((pool) => ({ ...pool, name: renames.pools.get(pool.name) ?? pool.name })).toSorted(byName),
    peers: peers.map(({ bfdProfile, ...peer }) => ({
      ...peer,
      ...(bfdProfile !== undefined && { bfdProfile: profileName(bfdProfile) }),
    })),
    bfdProfiles: bfdProfiles.map((profile) => ({ ...profile, name: profileName(profile.name) })).toSorted(byName),
  };
}
