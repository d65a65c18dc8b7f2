import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "../lab/index.js";
import { testbedFolder } from "../lab/places.js";
import { tmpdir } from "node:os";

const run = promisify(execFile);

/**
 * manifests/base as kustomize renders it for a namespace: what a user applies. The webhook configuration is left out
 * unless it is asked for: with it and without a controller that can be called, no resource can be written.
 */
export async function renderBase(
  namespace: string,
  { webhooks = false }: Readonly<{ webhooks?: boolean }> = {},
): Promise<string> {
  const overlay = await mkdtemp(join(tmpdir(), "smelter-overlay-"));
  try {
    const base = relative(overlay, join(repositoryRoot(), "manifests/base"));
    const kustomization = { resources: [base], namespace };
    await writeFile(join(overlay, "kustomization.yaml"), JSON.stringify(kustomization));
    const { stdout } = await run(join(testbedFolder("kubernetes"), "kubectl"), ["kustomize", overlay]);
    if (webhooks) return stdout;
    const documents = stdout.split(/^---\n/m);
    return documents.filter((text) => !/^kind: ValidatingWebhookConfiguration$/m.test(text)).join("---\n");
  } finally {
    await rm(overlay, { recursive: true });
  }
}
