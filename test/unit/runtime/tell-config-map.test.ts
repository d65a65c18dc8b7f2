import { expect, it } from "vitest";
import { createConfigMapTeller } from "../../../src/runtime/tell-config-map.js";
import { configMap, document } from "../config/documents.js";

const NAMESPACE = "metallb-system";
const metallb = configMap("a", "metallb");
const usual = configMap("b");
const other = document({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "lb", namespace: NAMESPACE, labels: { "app.kubernetes.io/name": "metallb" } },
  data: { config: "c" },
});

function createTeller(configMapName?: string) {
  const said: string[] = [];
  const note = () => undefined;
  const log = { debug: note, warn: note, error: note, info: (_: object, message: string) => void said.push(message) };
  return { said, tell: createConfigMapTeller(log, { namespace: NAMESPACE, configMapName }) };
}

it("says which ConfigMap was found once, and again when it is another one", () => {
  const { said, tell } = createTeller();
  for (const documents of [[metallb], [metallb], [metallb, other], [other], [usual, other], [usual]]) tell(documents);
  expect(said).toEqual([
    "ConfigMap metallb-system/metallb is read: it has the name that charts gave it",
    "ConfigMap metallb-system/lb is read: it has the label of the chart",
    "ConfigMap metallb-system/config is read: nothing speaks for another one any more",
  ]);
});

it.each([
  { name: "the usual one", documents: [usual], configMapName: undefined },
  { name: "none", documents: [], configMapName: undefined },
  { name: "one that was named", documents: [metallb], configMapName: "metallb" },
])("says nothing of $name", ({ documents, configMapName }) => {
  const { said, tell } = createTeller(configMapName);
  tell(documents);
  expect(said).toEqual([]);
});
