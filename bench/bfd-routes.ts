import { beginWorld, documents, nodeManifest, resourceManifest, serviceManifest } from "../test/e2e/bgp-world.js";
import { startBird } from "../test/lab/bird.js";
import { createLab, until } from "../test/lab/index.js";
import type { Report } from "./run.js";

const PREFIX = "198.51.100.9/32";
const ROUNDS = 5;
const CASES = [
  { name: "BFD 300 ms x 3", peer: { bfdProfile: "fast", holdTime: "90s" }, floor: 900 },
  { name: "hold time 3 s", peer: { holdTime: "3s" }, floor: 3000 },
] as const;

/**
 * A speaker with a route, and a BIRD that has it. The node's cable is cut; the time until BIRD has dropped the route is
 * taken. The floor is the time by which it is to be noticed at all.
 */
export async function measureRoutes(report: Report): Promise<void> {
  const lab = await createLab({ nodes: 2 });
  try {
    const n1 = lab.node("n1");
    const bird = await startBird(
      lab.router,
      lab.folder,
      `router id ${lab.router.ipv4};
protocol bfd { interface "eth0" { interval 300 ms; multiplier 3; }; }
protocol bgp n1 {
  local ${lab.router.ipv4} as 64513; neighbor ${n1.ipv4} as 64512; passive on; bfd on; error wait time 1,1;
  ipv4 { import all; export none; };
}\n`,
    );
    const hasRoute = async (): Promise<boolean> => (await bird.ask("show route")).includes(PREFIX);
    for (const { name, peer, floor } of CASES) {
      const spec = { myASN: 64512, peerASN: 64513, peerAddress: lab.router.ipv4, ...peer };
      const config = documents(
        resourceManifest("IPAddressPool", "front", { addresses: ["198.51.100.0/24"] }),
        resourceManifest("BGPAdvertisement", "front", {}),
        resourceManifest("BFDProfile", "fast", { transmitInterval: 300, receiveInterval: 300, detectMultiplier: 3 }),
        resourceManifest("BGPPeer", "tor", spec),
      );
      const manifests = { config, nodes: nodeManifest(n1), web: serviceManifest("web", "198.51.100.9") };
      const world = await beginWorld(lab, name.replaceAll(/\W/g, ""), manifests);
      const speaker = world.startSpeaker(n1);
      const taken: number[] = [];
      for (let round = 0, since = 0; round < ROUNDS; round += 1) {
        if ("bfdProfile" in peer) await speaker.waitForOutput(/"event":"bfdUp"/, { since, deadlineMs: 30_000 });
        await until(hasRoute, { what: "the route", deadlineMs: 30_000 });
        await new Promise((resolve) => setTimeout(resolve, 1500)); // intervals are agreed on, hold timers run
        since = speaker.mark();
        const cutAt = performance.now();
        await n1.cable.cut();
        await until(async () => !(await hasRoute()), { what: "the route to be gone", deadlineMs: 30_000, everyMs: 5 });
        taken.push(performance.now() - cutAt);
        await n1.cable.mend();
      }
      const value = Math.max(...taken);
      const line = { bench: "bfd", case: `route gone, ${name}: slowest of ${ROUNDS}`, value, unit: "ms" };
      report({ ...line, floor, ratio: value / floor });
      await world.end();
    }
  } finally {
    await lab.close();
  }
}
