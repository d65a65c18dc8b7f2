import { expect, it } from "vitest";
import { documentsOfKept, keptText } from "../../../src/config/kept-documents.js";
import { loadConfig } from "../../../src/config/load.js";
import { documentOfObject } from "../../../src/config/read-documents.js";

const documents = [
  {
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: {
      name: "p",
      namespace: "metallb-system",
      labels: { zone: "a" },
      resourceVersion: "7",
      managedFields: [{ manager: "kubectl" }],
    },
    spec: { addresses: ["192.0.2.0/24"] },
    status: { assignedIPv4: 3 },
  },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "config", namespace: "metallb-system" },
    data: { config: "address-pools:\n- {name: q, protocol: layer2, addresses: [198.51.100.0/24]}\n" },
  },
].map((object) => {
  const document = documentOfObject(object);
  if (!document.ok) throw new Error(document.fault.problem);
  return document.value;
});
const load = { namespace: "metallb-system", configMapName: "config" };

it("gives the same model again", () => {
  const kept = documentsOfKept(keptText(documents));
  if (!kept.ok) throw new Error(kept.fault);
  const [again, before] = [loadConfig(kept.value, load), loadConfig(documents, load)];
  expect(again.ok && again.value.model).toEqual(before.ok && before.value.model);
  expect(again.ok && again.value.model.pools.map(({ name }) => name)).toEqual(["p", "q"]);
});

it("is the same text in whatever order the documents come, and whatever the server notes in them", () => {
  const [pool, configMap] = documents;
  if (pool === undefined || configMap === undefined) throw new Error("there are two");
  const later = { ...pool, body: { ...pool.body, status: { assignedIPv4: 9 } } };
  expect(keptText([configMap, later])).toBe(keptText(documents));
  expect(keptText([configMap])).not.toBe(keptText(documents));
});

it.each([["{"], ["{}"], ['[{"kind":"Secret"}]'], ["[7]"]])("refuses %s and does not repeat it", (text) => {
  const kept = documentsOfKept(text);
  expect(kept.ok).toBe(false);
  expect(!kept.ok && kept.fault).toMatch(/^(it is|one of its objects) /);
});
