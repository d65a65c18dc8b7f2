import { objectKey, type EndpointSliceView, type ObjectKey } from "../world/views.js";

/** EndpointSlices by the Service that they are about. BOUNDED by the EndpointSlices that exist. */
export type SliceIndex = Readonly<{
  of(service: ObjectKey): readonly EndpointSliceView[];
  /** @returns the Services that are to be looked at again */
  set(slice: EndpointSliceView): readonly ObjectKey[];
  delete(key: ObjectKey): readonly ObjectKey[];
}>;

export function createSliceIndex(): SliceIndex {
  const slices = new Map<ObjectKey, EndpointSliceView>();
  const byService = new Map<ObjectKey, Map<ObjectKey, EndpointSliceView>>();
  const serviceOf = ({ namespace, service }: EndpointSliceView): ObjectKey => objectKey({ namespace, name: service });

  function forget(key: ObjectKey): readonly ObjectKey[] {
    const before = slices.get(key);
    if (before === undefined) return [];
    slices.delete(key);
    const service = serviceOf(before);
    const siblings = byService.get(service);
    siblings?.delete(key);
    if (siblings?.size === 0) byService.delete(service);
    return [service];
  }

  return {
    of: (service) => [...(byService.get(service)?.values() ?? [])],
    set(slice) {
      const key = objectKey(slice);
      const former = forget(key);
      const service = serviceOf(slice);
      slices.set(key, slice);
      byService.set(service, (byService.get(service) ?? new Map<ObjectKey, EndpointSliceView>()).set(key, slice));
      return [...new Set([...former, service])];
    },
    delete: forget,
  };
}
