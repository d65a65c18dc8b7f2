import type { Result } from "../net/result.js";
import { succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { METALLB_GROUP, METALLB_KINDS, type MetallbKind, type Resource } from "./resource.js";
import { isRecord } from "./watch-line.js";

/**
 * Which of these kinds of the group metallb.io the server has, each in the newest version that both of us know.
 * @returns [] where the group is not there: a cluster that is configured by ConfigMap alone
 */
export async function discoverMetallbKinds(
  client: ApiClient,
  namespace: string,
  kinds: readonly MetallbKind[] = METALLB_KINDS,
): Promise<Result<readonly Resource[], ApiFailure>> {
  const group = await client.request({ method: "GET", path: `/apis/${METALLB_GROUP}` });
  if (!group.ok) return group.fault.kind === "notFound" ? succeed([]) : group;
  const known = new Set(kinds.flatMap(({ versions }) => versions));
  const served = new Set<string>(); // version/plural
  for (const version of readNames(group.value, "versions", "version")) {
    if (!known.has(version)) continue;
    const resources = await client.request({ method: "GET", path: `/apis/${METALLB_GROUP}/${version}` });
    if (!resources.ok && resources.fault.kind !== "notFound") return resources;
    if (resources.ok)
      for (const plural of readNames(resources.value, "resources", "name")) served.add(`${version}/${plural}`);
  }
  return succeed(
    kinds.flatMap(({ plural, kind, versions }) => {
      const version = versions.find((candidate) => served.has(`${candidate}/${plural}`));
      return version === undefined ? [] : [{ group: METALLB_GROUP, version, plural, kind, namespace }];
    }),
  );
}

/** Does the server have the status subresource of this kind? */
export async function isStatusServed(
  client: ApiClient,
  { group, version, plural }: Pick<Resource, "group" | "version" | "plural">,
): Promise<Result<boolean, ApiFailure>> {
  const resources = await client.request({ method: "GET", path: `/apis/${group}/${version}` });
  if (!resources.ok) return resources.fault.kind === "notFound" ? succeed(false) : resources;
  return succeed(readNames(resources.value, "resources", "name").includes(`${plural}/status`));
}

function readNames(answer: unknown, list: string, field: string): readonly string[] {
  const elements = isRecord(answer) ? answer[list] : undefined;
  if (!Array.isArray(elements)) return [];
  return elements.flatMap((element: unknown) => {
    const name = isRecord(element) ? element[field] : undefined;
    return typeof name === "string" ? [name] : [];
  });
}
