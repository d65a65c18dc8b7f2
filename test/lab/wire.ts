/** Sending frames of any content from a host, and asking by ARP apart from what its kernel knows. */
import type { ChildProcess } from "node:child_process";
import { startCapture, type Capture } from "./capture.js";
import type { Frame } from "./frames.js";
import { startIn } from "./process.js";
import { wireProgram } from "./wire-programs.js";

export type Wire = Readonly<{
  /** Frames on eth0 from here on (or on another interface of the host). */
  capture: (device?: string) => Promise<Capture>;
  /** Sends frames on eth0 as they are. */
  send: (frames: readonly Uint8Array[]) => Promise<void>;
  /**
   * Asks "who has" each of these IPv4 addresses, once each, and says which machines answered: the senders' MAC
   * addresses by address, each as often as it answered. Listens until nothing came for `quietMs` (100 if left out).
   */
  whoHas: (
    addresses: readonly string[],
    options?: Readonly<{ quietMs?: number }>,
  ) => Promise<ReadonlyMap<string, readonly string[]>>;
}>;

export type WirePlan = Readonly<{ name: string; namespace: string; ipv4: string; mac: string; folder: string }>;

export function createWire({ name, namespace, ipv4, mac, folder }: WirePlan): Wire {
  let injector: Promise<ChildProcess> | undefined;

  async function startInjector(): Promise<ChildProcess> {
    const program = await wireProgram("inject");
    const child = startIn(namespace, [program, "eth0"], {}, ["pipe", "ignore", "inherit"]);
    child.on("exit", () => (injector = undefined));
    child.stdin?.on("error", () => undefined); // it has ended: the next send starts another
    return child;
  }

  async function send(frames: readonly Uint8Array[]): Promise<void> {
    const octets = Buffer.concat(
      frames.flatMap((frame) => [Uint8Array.of(frame.length >> 8, frame.length & 0xff), frame]),
    );
    injector ??= startInjector();
    const { stdin } = await injector;
    await new Promise<void>((resolve, reject) => {
      stdin?.write(octets, (error) =>
        error ? reject(new Error(`Cannot send from ${name}`, { cause: error })) : resolve(),
      );
    });
  }

  const capture = (device = "eth0"): Promise<Capture> => startCapture({ name, namespace }, folder, device);

  async function whoHas(addresses: readonly string[], { quietMs = 100 }: Readonly<{ quietMs?: number }> = {}) {
    const listening = await capture();
    const answers = new Map<string, string[]>(addresses.map((address) => [address, []]));
    // A gratuitous reply answers nobody: its target is its own sender.
    const isAnswer = ({ arp, direction }: Frame): boolean =>
      direction === "in" &&
      arp?.operation === 2 &&
      arp.targetProtocolAddress === ipv4 &&
      answers.has(arp.senderProtocolAddress);
    await send(addresses.map((address) => encodeArpRequest(mac, ipv4, address)));
    for (let since = 0; ; since = (await listening.frames()).length) {
      const later = listening.waitFor(isAnswer, { what: "one more answer", deadlineMs: quietMs, since });
      if ((await later.catch(() => undefined)) === undefined) break; // quiet: nobody else wants to say anything
    }
    for (const { arp } of (await listening.stop()).filter(isAnswer)) {
      if (arp !== undefined) answers.get(arp.senderProtocolAddress)?.push(arp.senderHardwareAddress);
    }
    return answers;
  }

  return { capture, send, whoHas };
}

/** A broadcast request for the hardware address of `target`, padded to the shortest Ethernet frame. RFC 826 */
export function encodeArpRequest(senderMac: string, sender: string, target: string): Uint8Array {
  const frame = new Uint8Array(60);
  const mac = senderMac.split(":").map((octet) => Number.parseInt(octet, 16));
  frame.set([255, 255, 255, 255, 255, 255, ...mac, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1, ...mac]);
  frame.set(sender.split(".").map(Number), 28);
  frame.set(target.split(".").map(Number), 38);
  return frame;
}
