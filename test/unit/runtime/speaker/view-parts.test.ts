import { expect, it } from "vitest";
import { usableEndpoints } from "../../../../src/runtime/announce/endpoints.js";
import { NEWEST_RULES } from "../../../../src/runtime/announce/fleet-generation.js";
import { createSliceReducer } from "../../../../src/runtime/speaker/view-parts.js";
import type { Endpoint, EndpointSliceView } from "../../../../src/runtime/world/views.js";

const sliceOf = (endpoints: readonly Endpoint[]): EndpointSliceView => ({
  namespace: "ns",
  name: "web-1",
  service: "web",
  endpoints,
});

const STATES = [undefined, true, false];
/** A field where there is a value. */
const field = <Value>(name: keyof Endpoint, value: Value | undefined): Partial<Endpoint> =>
  value === undefined ? {} : { [name]: value };
/** Each state that an endpoint can be in, with and without addresses and a node. */
const EVERY: readonly Endpoint[] = STATES.flatMap((ready) =>
  STATES.flatMap((serving) =>
    STATES.flatMap((terminating) =>
      [[], ["10.244.0.1"]].flatMap((addresses) =>
        [undefined, "n1", "n2"].map((nodeName) =>
          Object.assign(
            { addresses },
            field("nodeName", nodeName),
            field("ready", ready),
            field("serving", serving),
            field("terminating", terminating),
          ),
        ),
      ),
    ),
  ),
);

it.each(["ready", "servingElseReady", "readyOrServing"] as const)("a reduced slice decides alike: %s", (usable) => {
  const reduce = createSliceReducer();
  for (const endpoint of EVERY) {
    const slice = sliceOf([endpoint]);
    const rules = { ...NEWEST_RULES, usable };
    expect(usableEndpoints([reduce(slice)], rules)).toEqual(usableEndpoints([slice], rules));
  }
});

it("keeps one endpoint of a node in one state, the same in all slices", () => {
  const reduce = createSliceReducer();
  const pods = Array.from({ length: 100 }, (_, index) => ({
    addresses: [`10.244.0.${index}`],
    nodeName: `n${index % 3}`,
    ready: true,
  }));
  const { endpoints, ...rest } = reduce(sliceOf(pods));
  expect([endpoints.map(({ nodeName }) => nodeName), rest]).toEqual([
    ["n0", "n1", "n2"],
    { namespace: "ns", name: "web-1", service: "web" },
  ]);
  expect(reduce(sliceOf(pods.slice(0, 1))).endpoints[0]).toBe(endpoints[0]);
  expect(reduce(sliceOf([])).endpoints).toEqual([]);
});
