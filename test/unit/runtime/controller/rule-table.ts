import { expect, it } from "vitest";
import type { KubernetesDocument } from "../../../../src/config/documents.js";
import type { ControllerOptions } from "../../../../src/runtime/controller/controller.js";
import type { NamespaceView, ServiceView } from "../../../../src/runtime/world/views.js";
import { serviceOf } from "../allocator/fixtures.js";
import { createWorld, type World } from "./fixtures.js";

/** Specs of IPAddressPools by name; a list is the addresses of one without anything else. */
type PoolSpec = readonly string[] | Readonly<{ addresses: readonly string[]; [field: string]: unknown }>;
export type PoolSpecs = Readonly<Record<string, PoolSpec>>;
type Fields = NonNullable<Parameters<typeof serviceOf>[1]>;

/** Fields of a Service besides what is written short here. */
export type ServiceSpec = Fields &
  Readonly<{
    /** Annotations under the present prefix. */
    asks?: Readonly<Record<string, string>>;
  }>;

/**
 * One rule, tried on the controller with the real allocator. `rule` is its number in docs/compatibility.md. Services
 * that show an address had it at the start.
 */
export type RuleRow = Readonly<{
  rule: string;
  name: string;
  pools: PoolSpecs;
  services: Readonly<Record<string, ServiceSpec>>;
  namespaces?: readonly NamespaceView[];
  options?: Partial<ControllerOptions>;
  /** What happens after all of the above has settled. */
  after?: (world: RuleWorld) => void | Promise<void>;
  /** The addresses of each Service that has some. */
  gives: Readonly<Record<string, string>>;
  /** The Events, each as a whole or as a pattern, in order; of the time since `after` alone where that is there. */
  tells?: readonly (string | RegExp)[];
  /** What else is to be so. */
  and?: (world: RuleWorld) => void;
}>;

export type RuleWorld = World &
  Readonly<{
    /** Replaces the fields of a Service. */
    edit(name: string, spec: ServiceSpec): void;
    create(name: string, spec: ServiceSpec): void;
    usePools(pools: PoolSpecs): Promise<void>;
  }>;

const NAMESPACE = "metallb-system";

export function poolDocuments(pools: PoolSpecs): readonly KubernetesDocument[] {
  return Object.entries(pools).map(([name, addresses]) =>
    documentOf("IPAddressPool", name, Array.isArray(addresses) ? { addresses } : addresses),
  );
}

export function documentOf(kind: string, name: string, spec: unknown): KubernetesDocument {
  const apiVersion = "metallb.io/v1beta1";
  const body = { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
  return { apiVersion, kind, name, namespace: NAMESPACE, body };
}

/** A document that is configuration and no pool: without one a configuration without pools is none at all. */
export const COMMUNITY = documentOf("Community", "c", { communities: [] });

function viewOf(name: string, { asks = {}, annotations = {}, ...rest }: ServiceSpec): ServiceView {
  const asked = Object.fromEntries(Object.entries(asks).map(([key, value]) => [`metallb.io/${key}`, value]));
  return serviceOf(name, { ...rest, annotations: { ...annotations, ...asked } });
}

export function checkRules(rows: readonly RuleRow[]): void {
  it.each(rows.map((row) => [`${row.rule}: ${row.name}`, row] as const))("%s", async (_title, row) => {
    const { pools, services, namespaces, options, after, gives, tells, and } = row;
    const world = createWorld({ poolChange: "reassign", ...options });
    const ruleWorld: RuleWorld = {
      ...world,
      create: (name, spec) => world.put(viewOf(name, spec)),
      edit(name, spec) {
        const key = [...world.stored.keys()].find((each) => each.endsWith(`/${name}`)) ?? "";
        const former = world.stored.get(key);
        if (former === undefined) throw new Error(`no Service ${name}`);
        const { ingress, ...next } = viewOf(name, { namespace: former.namespace, ...spec });
        const source = former.annotations["metallb.io/ip-allocated-from-pool"];
        const annotations = {
          ...(source !== undefined && { "metallb.io/ip-allocated-from-pool": source }),
          ...next.annotations,
        };
        const resourceVersion = `${former.resourceVersion}0`;
        world.put({
          ...former,
          ...next,
          annotations,
          ingress: spec.ingress === undefined ? former.ingress : ingress,
          resourceVersion,
        });
      },
      usePools: (next) => world.useConfig([...poolDocuments(next), COMMUNITY]),
    };
    const views = Object.entries(services).map(([name, spec]) => viewOf(name, spec));
    await world.begin(views, [...poolDocuments(pools), COMMUNITY], namespaces);
    if (after !== undefined) {
      world.events.length = 0;
      await after(ruleWorld);
      await world.clock.advance(0);
    }
    expect(world.addresses()).toEqual(gives);
    if (tells !== undefined) {
      expect(world.events).toEqual(
        tells.map((text) => (typeof text === "string" ? text : (expect.stringMatching(text) as unknown))),
      );
    }
    and?.(ruleWorld);
  });
}
