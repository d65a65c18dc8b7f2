import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, expect, it } from "vitest";
import { formatPrefix } from "../../../../src/runtime/net/address.js";
import { createBgpPeer, parseAddress, type PeerAction } from "../../../../src/runtime/bgp/index.js";
import { decodeFrame, MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { message, TYPE } from "../../../bgp/wire-update.js";

let folder: string | undefined;
let example: ChildProcess | undefined;
afterEach(() => {
  example?.kill();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

it("the example of the README opens a session and announces its prefix, and again to a peer that asks", async () => {
  const [, code = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync("src/runtime/bgp/README.md", "utf8")) ?? [];
  expect(code.trim().split("\n").length).toBeLessThan(60);
  folder = mkdtempSync(join(tmpdir(), "smelter-bgp-"));
  const outfile = join(folder, "example.mjs");
  await build({
    stdin: { contents: code, loader: "ts", resolveDir: process.cwd() },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
  });

  const bgpIdentifier = parseAddress("192.0.2.1");
  if (bgpIdentifier === undefined) throw new Error("unreachable");
  const capabilities = [{ kind: "fourOctetAs", asn: 64_513 }] as const;
  const router = createBgpPeer({
    local: { asn: 64_513, peerAs: 64_512, bgpIdentifier, holdTimeSeconds: 90, capabilities },
    passive: true,
    connectRetrySeconds: 120,
  });
  router.start();
  const announced: string[] = [];
  const server = createServer((socket) => {
    const perform = (actions: readonly PeerAction[]): void => {
      for (const action of actions) if (action.do === "write") socket.write(action.octets);
    };
    perform(router.connected("incoming"));
    socket.on("error", () => undefined); // the example is killed
    server.once("announced", () => socket.write(message(TYPE.routeRefresh, [0, 1, 0, 1])));
    socket.on("data", (octets) => {
      perform(router.received("incoming", octets));
      for (let rest: Uint8Array = octets; rest.length > 0;) {
        const frame = decodeFrame(rest, false);
        if (frame.kind !== "frame") break;
        rest = rest.subarray(frame.octets);
        if (frame.type !== MESSAGE_TYPE.update) continue;
        const decoded = decodeUpdate(frame.body, { fourOctetAs: true, isInternal: false });
        const prefixes = decoded.kind === "update" ? decoded.update.nlri.map(formatPrefix) : [];
        announced.push(...prefixes);
        if (prefixes.length > 0) server.emit(announced.length === 1 ? "announced" : "announcedAgain");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const heard = once(server, "announcedAgain");
  example = spawn(process.execPath, [outfile, "127.0.0.1", String((server.address() as AddressInfo).port)], {
    stdio: "inherit",
  });
  await heard;
  server.close();
  expect([announced, router.state()]).toEqual([["203.0.113.7/32", "203.0.113.7/32"], "Established"]);
});
