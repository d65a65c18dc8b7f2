import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { startTimer } from "../../../../src/runtime/transport/clock.js";
import { openMembershipPackets } from "../../../../src/runtime/transport/membership-packets.js";
import {
  dialMembershipStream,
  listenMembershipStreams,
  type StreamListener,
  type StreamStep,
} from "../../../../src/runtime/transport/membership-streams.js";

const address = "127.0.0.1";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, address);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(
  step: (octets: Uint8Array) => StreamStep,
  limits: { maxStreams?: number; timeoutMilliseconds?: number } = {},
): Promise<{ to: { address: string; port: number }; failures: string[]; listener: StreamListener }> {
  const failures: string[] = [];
  const port = await freePort();
  const listener = await listenMembershipStreams(
    { address, port, maxStreams: 4, timeoutMilliseconds: 10_000, ...limits },
    { onStream: () => ({ onOctets: step }), onFailed: (code) => failures.push(code), onError: () => {} },
  );
  closing.push(() => listener.close());
  return { to: { address, port }, failures, listener };
}

function dial(
  to: { address: string; port: number },
  question: string,
  step: (text: string) => StreamStep = () => ({ kind: "done" }),
  more: { timeoutMilliseconds?: number; signal?: AbortSignal } = {},
) {
  let text = "";
  const signal = new AbortController().signal;
  const options = { to, localAddress: address, timeoutMilliseconds: 10_000, signal, ...more };
  return dialMembershipStream(options, Buffer.from(question), {
    onOctets(octets) {
      text += Buffer.from(octets).toString();
      return step(text);
    },
  }).then((code) => ({ code, text }));
}

it("a question gets its answer, in however many parts they come", async () => {
  let asked = "";
  const { to, failures } = await listen((octets) => {
    asked += Buffer.from(octets).toString();
    return asked.endsWith("?") ? { kind: "answer", octets: Buffer.alloc(300_000, "x") } : { kind: "wait" };
  });
  const wait = (text: string): StreamStep => ({ kind: text.length < 300_000 ? "wait" : "done" });
  expect(await dial(to, "who is there?", wait)).toMatchObject({ code: undefined, text: "x".repeat(300_000) });
  expect(asked).toBe("who is there?");
  expect(failures).toEqual([]);
});

it("says why there was no answer", async () => {
  expect((await dial({ address, port: await freePort() }, "?")).code).toBe("ECONNREFUSED");
  const silent = await listen(() => ({ kind: "wait" }));
  expect((await dial(silent.to, "?", undefined, { timeoutMilliseconds: 20 })).code).toBe("ERR_TIMEOUT");
  const abrupt = await listen(() => ({ kind: "close" }));
  expect((await dial(abrupt.to, "?")).code).toMatch(/^(ERR_EARLY_END|ECONNRESET)$/);
  const abort = new AbortController();
  const given = dial(silent.to, "?", undefined, { signal: abort.signal });
  abort.abort();
  expect((await given).code).toBe("ERR_CLOSED");
  expect((await dial(silent.to, "?", undefined, { signal: abort.signal })).code).toBe("ERR_CLOSED");
});

it("streams beyond the limit are closed at once, and those that take too long after their time", async () => {
  const { to, failures } = await listen(() => ({ kind: "wait" }), { maxStreams: 2, timeoutMilliseconds: 300 });
  const sockets: Socket[] = [];
  closing.push(() => sockets.forEach((socket) => socket.destroy()));
  for (let count = 0; count < 3; count += 1) {
    const socket = connect({ host: address, port: to.port });
    await new Promise((resolve) => socket.once("connect", resolve));
    sockets.push(socket.on("error", () => {}));
  }
  await vi.waitFor(() => expect(failures).toEqual(["ERR_TOO_MANY", "ERR_TIMEOUT", "ERR_TIMEOUT"]), 10_000);
});

it("close() ends what is open, and may be called again", async () => {
  const { to, listener } = await listen(() => ({ kind: "wait" }));
  const given = dial(to, "?");
  const socket = connect({ host: address, port: to.port }).on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  await listener.close();
  await listener.close();
  expect((await given).code).toMatch(/^(ERR_EARLY_END|ECONNRESET|ECONNREFUSED)$/);
});

it("packets reach the other socket, and an address that is taken is said", async () => {
  const received: string[] = [];
  const unsent: string[] = [];
  const ports = { onUnsent: (code: string) => unsent.push(code), onError: () => {} };
  const [first, second] = [await freePort(), await freePort()];
  const one = await openMembershipPackets({ address, port: first }, { ...ports, onPacket: () => {} });
  const onPacket = (octets: Uint8Array, from: { port: number }) =>
    void received.push(`${Buffer.from(octets).toString()} from ${from.port}`);
  const other = await openMembershipPackets({ address, port: second }, { ...ports, onPacket });
  closing.push(
    () => one.close(),
    () => other.close(),
  );
  one.send(Buffer.from("hello"), { address, port: second });
  await vi.waitFor(() => expect(received).toEqual([`hello from ${first}`]), 10_000);
  one.send(Buffer.alloc(70_000), { address, port: second });
  await vi.waitFor(() => expect(unsent).toEqual(["EMSGSIZE"]), 10_000);
  await expect(openMembershipPackets({ address, port: first }, { ...ports, onPacket })).rejects.toThrow("EADDRINUSE");
  one.close();
  one.close();
  one.send(Buffer.from("too late"), { address, port: second });
});

it("a timer that is late runs after what has arrived meanwhile", async () => {
  const order: string[] = [];
  const port = await freePort();
  const packets = await openMembershipPackets(
    { address, port },
    { onPacket: () => order.push("packet"), onUnsent: () => {}, onError: () => {} },
  );
  closing.push(() => packets.close());
  await new Promise<void>((resolve) => {
    startTimer(5, () => {
      order.push("timer");
      resolve();
    });
    startTimer(1, () => order.push("called off"))();
    packets.send(Buffer.from("x"), { address, port });
    setImmediate(() => {
      for (const end = performance.now() + 50; performance.now() < end;); // this process stands still
    });
  });
  expect(order).toEqual(["packet", "timer"]);
});
