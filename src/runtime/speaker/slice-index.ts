import { objectKey, type EndpointSliceView, type ObjectKey } from "../world/views.js";

/** EndpointSlices by the Service that they are about. BOUNDED by the EndpointSlices that exist. */
export type SliceIndex = Readonly<{
  of(service: ObjectKey): readonly EndpointSliceView[];
  /** @returns the Services that are to be looked at again; none where it holds the same endpoints, object by object */
  set(slice: EndpointSliceView, key?: ObjectKey): readonly ObjectKey[];
  delete(key: ObjectKey): readonly ObjectKey[];
}>;

/** Most Services have one: a map for each would take more memory than all that is in it. */
type Siblings = EndpointSliceView | Map<ObjectKey, EndpointSliceView>;

export function createSliceIndex(): SliceIndex {
  const slices = new Map<ObjectKey, EndpointSliceView>();
  const byService = new Map<ObjectKey, Siblings>();
  const serviceOf = ({ namespace, service }: EndpointSliceView): ObjectKey => objectKey({ namespace, name: service });

  function forget(key: ObjectKey): readonly ObjectKey[] {
    const before = slices.get(key);
    if (before === undefined) return [];
    slices.delete(key);
    const service = serviceOf(before);
    const siblings = byService.get(service);
    if (siblings instanceof Map) siblings.delete(key);
    if (!(siblings instanceof Map) || siblings.size === 0) byService.delete(service);
    return [service];
  }

  return {
    of(service) {
      const siblings = byService.get(service);
      if (siblings === undefined) return [];
      return siblings instanceof Map ? [...siblings.values()] : [siblings];
    },
    set(slice, key = objectKey(slice)) {
      if (isAlike(slices.get(key), slice)) return [];
      const former = forget(key);
      const service = serviceOf(slice);
      slices.set(key, slice);
      const siblings = byService.get(service);
      if (siblings === undefined) byService.set(service, slice);
      else if (siblings instanceof Map) siblings.set(key, slice);
      else byService.set(service, new Map([siblings, slice].map((each) => [objectKey(each), each])));
      return [...new Set([...former, service])];
    },
    delete: forget,
  };
}

/** Pods come and go on the same nodes all day: where the very same endpoints are left of a slice, nothing has changed. */
function isAlike(before: EndpointSliceView | undefined, { service, endpoints }: EndpointSliceView): boolean {
  if (before?.service !== service || before.endpoints.length !== endpoints.length) return false;
  return before.endpoints.every((endpoint, index) => endpoint === endpoints[index]);
}
