import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startGobgp } from "../lab/gobgp.js";
import { createLab, until, type Lab, type LabProcess } from "../lab/index.js";
import type { Router } from "../lab/router.js";
import { documents, nodeManifest, numberedAddress, numberedService, resourceManifest } from "./bgp-world.js";
import { SMELTER } from "./smelter.js";

/*
 * A thousand Services on one speaker: that all routes arrive, and in how few messages. What GoBGP holds and how many UPDATEs it
 * was sent is read from it.
 */

const SERVICES = 1000;
/** A message of 4096 octets, less its attributes, holds 800 prefixes of 5 octets and more. */
const FULL = Math.ceil(SERVICES / 800);
const END_OF_RIB = 1;

let lab: Lab;
let gobgp: Router;
let speaker: LabProcess;
let folder: string;

/** In one step: a file that is half written is another configuration. */
async function write(file: string, text: string): Promise<void> {
  await writeFile(join(folder, `.${file}.new`), text);
  await rename(join(folder, `.${file}.new`), join(folder, `${file}.yaml`));
}

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  const { ipv4 } = lab.router;
  const n1 = lab.node("n1");
  const session = { name: "n1", local: ipv4, remote: n1.ipv4, remoteAs: 64_512, families: ["ipv4"] } as const;
  gobgp = await startGobgp(lab.router, lab.folder, { asn: 64_513, routerId: ipv4, peers: [session] });
  folder = join(lab.folder, "scale");
  await mkdir(folder);
  const config = documents(
    nodeManifest(n1),
    resourceManifest("IPAddressPool", "front", { addresses: ["198.18.0.0/16"] }),
    resourceManifest("BGPAdvertisement", "front", {}),
    resourceManifest("BGPPeer", "router", { myASN: 64_512, peerASN: 64_513, peerAddress: ipv4 }),
  );
  await write("config", config);
  await write("first", numberedService(0));
  await write("others", documents(...Array.from({ length: SERVICES - 1 }, (_, index) => numberedService(index + 1))));
  const privileges = { uid: 0, capabilities: ["net_raw"] };
  speaker = n1.spawn([SMELTER, "run", "--from", folder, "--node", "n1"], { name: "speaker", privileges });
});
afterAll(() => lab.close());

const count = async (): Promise<number> => (await gobgp.count?.()) ?? Number.NaN;
const updates = async (): Promise<number> => (await gobgp.updates?.()) ?? Number.NaN;
const all = { what: "all routes", deadlineMs: 60_000, everyMs: 100 };

it("announces a thousand routes in as few messages as hold them", async () => {
  await until(async () => (await count()) === SERVICES, all);
  const prefixes = (await gobgp.routes()).map(({ prefix }) => prefix);
  expect(prefixes.toSorted()).toEqual(
    Array.from({ length: SERVICES }, (_, index) => `${numberedAddress(index)}/32`).toSorted(),
  );
  expect(await updates()).toBeLessThanOrEqual(FULL + END_OF_RIB);
});

it("says of one Service that changes no more than that", async () => {
  const before = await updates();
  await write("first", numberedService(0, "198.18.200.1"));
  const has = async (prefix: string): Promise<boolean> =>
    (await gobgp.routes()).some((route) => route.prefix === prefix);
  await until(() => has("198.18.200.1/32"), all);
  await until(async () => !(await has(`${numberedAddress(0)}/32`)), { ...all, what: "the former route to be gone" });
  expect([await count(), (await updates()) - before]).toEqual([SERVICES, 2]); // one is withdrawn, one announced
});

it("tells a router that comes back everything again, in as few messages", async () => {
  const { ipv4 } = lab.router;
  const since = speaker.mark();
  await gobgp.reset({ name: "n1", local: ipv4, remote: lab.node("n1").ipv4, remoteAs: 64_512, families: ["ipv4"] });
  await speaker.waitForOutput(/"event":"sessionUp"/, { since, deadlineMs: 60_000 });
  await until(async () => (await count()) === SERVICES, all);
  const again = await updates(); // GoBGP may count on from session to session
  expect(again).toBeLessThanOrEqual(2 * (FULL + END_OF_RIB) + 2);
});

it("takes all of them back when it stops", async () => {
  speaker.signal("SIGTERM");
  await until(async () => (await count()) === 0, { ...all, what: "all routes to be gone" });
  expect(await speaker.ended).toMatchObject({ code: 0 });
});
