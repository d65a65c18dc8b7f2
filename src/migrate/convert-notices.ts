import type { KubernetesDocument } from "../config/documents.js";
import { describeObject } from "../config/documents.js";
import type { Notice } from "../config/model.js";
import { faultAt } from "../config/place.js";
import { isRecord } from "../config/read-documents.js";
import type { Fault } from "../runtime/net/fault.js";
import type { ConversionSource } from "./conversion-source.js";
import type { MigrationInput } from "./find-input.js";
import { wholeFault } from "./find-input.js";
import type { Renames } from "./legacy-resources.js";
import { listed } from "./listed-names.js";

export type ConvertNotice = Fault &
  Readonly<{ class: Notice["class"] | "renamed" | "left out" | "password" | "node" | "kept" }>;

const POOL_ANNOTATIONS = ["metallb.universe.tf/address-pool", "metallb.io/address-pool"];

/** Every new name, and what refers to the old one: as far as the Services are in the input, by name. */
export function renameNotices(
  { pools, bfdProfiles }: ConversionSource,
  renames: Renames,
  services: readonly KubernetesDocument[],
): ConvertNotice[] {
  const notices: ConvertNotice[] = [];
  const problemFor = (name: string): string => `no resource can be called, so it becomes ${name}`;
  for (const { name, place, namePath } of pools) {
    const after = renames.pools.get(name);
    if (after === undefined) continue;
    const referring = services.filter((service) => poolsNamedBy(service).includes(name)).map(describeObject);
    const who = referring.length === 0 ? "" : ` (in the input: ${listed(referring)})`;
    const remedy = `change the annotation metallb.universe.tf/address-pool of Services that name it to ${after}${who}`;
    notices.push({ ...faultAt(place, namePath, name, problemFor(after), remedy), class: "renamed" });
  }
  for (const { profile, place, path } of bfdProfiles) {
    const after = renames.bfdProfiles.get(profile.name);
    if (after === undefined) continue;
    const remedy = "nothing: the peers refer to it by the new name";
    notices.push({ ...faultAt(place, `${path}/name`, profile.name, problemFor(after), remedy), class: "renamed" });
  }
  return notices;
}

function poolsNamedBy({ body }: KubernetesDocument): unknown[] {
  const metadata = isRecord(body["metadata"]) ? body["metadata"] : {};
  const annotations = isRecord(metadata["annotations"]) ? metadata["annotations"] : {};
  return POOL_ANNOTATIONS.map((key) => annotations[key]);
}

/** What of the input is not in the output. */
export function leftOutNotices({ others, passedOver, present }: MigrationInput, file: string): ConvertNotice[] {
  const notices: ConvertNotice[] = [];
  const say = (problem: string, remedy: string): void => {
    notices.push({ ...wholeFault(file, problem, remedy), class: "left out" });
  };
  for (const document of passedOver)
    say(
      `holds ${describeObject(document)}, which is not what a controller or speaker in it is started with`,
      "convert it by itself where it is wanted",
    );
  if (others > 0)
    say(
      `holds ${others} more object${others === 1 ? "" : "s"} beside what is converted`,
      "apply what of them is wanted by itself",
    );
  const resources = present.filter(({ kind }) => kind !== "Secret").length;
  if (resources > 0) {
    const some = resources === 1 ? "a resource" : `${resources} resources`;
    say(`holds ${some} already`, "keep them in the cluster beside the new ones");
  }
  return notices;
}
