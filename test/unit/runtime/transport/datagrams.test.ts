import { afterEach, expect, it } from "vitest";
import type { Datagram, DatagramReceiver, DatagramSender } from "../../../../src/runtime/net/datagram.js";
import { openDatagramReceiver, openDatagramSender } from "../../../../src/runtime/transport/datagrams.js";

/** Of this process, so that runs side by side do not meet. */
const PORT = 40_000 + (process.pid % 8000);
const open: (DatagramReceiver | DatagramSender)[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

const failure = (error: unknown): void => {
  throw error;
};

/** Takes one datagram, copied. */
function receiveOne(family: "ipv4" | "ipv6", device = "", sharesPort = false): Promise<Datagram> {
  return new Promise((resolve) => {
    open.push(
      openDatagramReceiver(
        { family, port: PORT, device, sharesPort },
        {
          onDatagram: ({ payload, source, destination, ...rest }) =>
            resolve({ payload: payload.slice(), source: source.slice(), destination: destination.slice(), ...rest }),
          onError: failure,
        },
      ),
    );
  });
}

function openSender(remoteAddress: string, fields: Partial<Parameters<typeof openDatagramSender>[0]> = {}) {
  const sender = openDatagramSender({
    remoteAddress,
    remotePort: PORT,
    localAddress: "",
    localPort: PORT + 1,
    device: "",
    hopLimit: 255,
    ...fields,
  });
  open.push(sender);
  return sender;
}

const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK6 = Uint8Array.of(...Array<number>(15).fill(0), 1);

it.each<{ family: "ipv4" | "ipv6"; address: string; octets: Uint8Array; hopLimit: number }>([
  { family: "ipv4", address: "127.0.0.1", octets: LOOPBACK4, hopLimit: 255 },
  { family: "ipv4", address: "127.0.0.1", octets: LOOPBACK4, hopLimit: 1 },
  { family: "ipv6", address: "::1", octets: LOOPBACK6, hopLimit: 254 },
])(
  "tells the hop limit $hopLimit of $family, who sent it and where to",
  async ({ family, address, octets, hopLimit }) => {
    const received = receiveOne(family);
    expect(openSender(address, { hopLimit }).send(Uint8Array.of(1, 2, 3))).toBeUndefined();
    expect(await received).toEqual({
      payload: Uint8Array.of(1, 2, 3),
      source: octets,
      destination: octets,
      sourcePort: PORT + 1,
      hopLimit,
      interfaceIndex: 1,
    });
  },
);

it("tells the address that was meant, of several, and has the source that was asked for", async () => {
  const received = receiveOne("ipv4");
  openSender("127.0.0.7", { localAddress: "127.0.0.9" }).send(Uint8Array.of(1));
  expect(await received).toMatchObject({
    source: Uint8Array.of(127, 0, 0, 9),
    destination: Uint8Array.of(127, 0, 0, 7),
  });
});

it("hands out the beginning of what is too long, and takes what is empty", async () => {
  const received = receiveOne("ipv4");
  openSender("127.0.0.1").send(new Uint8Array(1000).fill(7));
  expect((await received).payload).toEqual(new Uint8Array(128).fill(7));
  for (const socket of open.splice(0)) socket.close();
  const empty = receiveOne("ipv4");
  openSender("127.0.0.1").send(new Uint8Array());
  expect((await empty).payload).toHaveLength(0);
});

it("takes many at once, in their order", async () => {
  const count = 200;
  const seen: number[] = [];
  const all = new Promise<void>((resolve) => {
    open.push(
      openDatagramReceiver(
        { family: "ipv4", port: PORT, device: "" },
        {
          onDatagram({ payload }) {
            seen.push(payload[0] ?? -1);
            if (seen.length === count) resolve();
          },
          onError: failure,
        },
      ),
    );
  });
  const sender = openSender("127.0.0.1");
  for (let number = 0; number < count; number += 1) sender.send(Uint8Array.of(number));
  await all;
  expect(seen).toEqual(Array.from({ length: count }, (_, number) => number));
});

it("shares its port with a socket of a device only where it is asked to, and never with a stranger's", async () => {
  const any = receiveOne("ipv4");
  expect(() =>
    openDatagramReceiver({ family: "ipv4", port: PORT, device: "" }, { onDatagram: failure, onError: failure }),
  ).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
  const ofDevice = receiveOne("ipv4", "lo", true);
  openSender("127.0.0.1").send(Uint8Array.of(5));
  expect((await ofDevice).payload).toEqual(Uint8Array.of(5)); // the one that says more
  void any;
});

it.each<{ name: string; fields: Partial<Parameters<typeof openDatagramSender>[0]>; code: string }>([
  { name: "an address that is not ours", fields: { localAddress: "192.0.2.1" }, code: "EADDRNOTAVAIL" },
  { name: "a device that is not there", fields: { device: "nosuch0" }, code: "ENODEV" },
  { name: "an address of the other family", fields: { localAddress: "::1" }, code: "ERR_INVALID_ARG_VALUE" },
  { name: "no address", fields: { remoteAddress: "nobody" }, code: "ERR_INVALID_ARG_VALUE" },
])("refuses to send with $name", ({ fields, code }) => {
  expect(() => openSender("127.0.0.1", fields)).toThrow(expect.objectContaining({ code }));
});

it("says what keeps a datagram from being sent", () => {
  const sender = openSender("127.0.0.1", { localAddress: "127.0.0.1", remoteAddress: "192.0.2.1", device: "lo" });
  const code = sender.send(Uint8Array.of(1));
  expect([undefined, "ENETUNREACH", "EINVAL"]).toContain(code); // what a kernel makes of it
  sender.close();
  sender.close();
  expect(sender.send(Uint8Array.of(1))).toBe("EBADF");
});
