import { expect, it } from "vitest";
import { addressKey, type AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import { arpProtocol } from "../../../../src/runtime/layer2/arp-responder.js";
import { encodeArp } from "../../../../src/runtime/layer2/arp.js";
import { ndpProtocol } from "../../../../src/runtime/layer2/ndp-responder.js";
import { encodeNdp } from "../../../../src/runtime/layer2/ndp.js";
import {
  createRecentRequests,
  forgetRequests,
  rememberRequest,
  takeRequests,
  type RecentRequests,
} from "../../../../src/runtime/layer2/recent-requests.js";
import { runs } from "../../runs.js";

const keyOf = (address: string): AddressKey => addressKey(address) ?? "";
const mac = (requester: number): string =>
  `02:00:00:00:${requester < 256 ? "00" : "01"}:${(requester & 255).toString(16).padStart(2, "0")}`;

/** A request of machine number so and so, where a socket would have put it. */
function request(target: string, requester: number): { view: DataView; octets: number } {
  const common = { ethernetSource: mac(requester) };
  const encoded = target.includes(":")
    ? encodeNdp({
        ...common,
        type: 135,
        ethernetDestination: "33:33:ff:00:00:01",
        sourceAddress: `fe80::${requester.toString(16)}`,
        destinationAddress: "ff02::1:ff00:1",
        targetAddress: target,
        linkLayerAddress: mac(requester),
      })
    : encodeArp({
        ...common,
        ethernetDestination: "ff:ff:ff:ff:ff:ff",
        operation: 1,
        senderHardwareAddress: mac(requester),
        senderProtocolAddress: `10.0.${requester >> 8}.${requester & 255}`,
        targetHardwareAddress: "00:00:00:00:00:00",
        targetProtocolAddress: target,
      });
  if (!encoded.ok) throw new Error(encoded.fault);
  const slot = new Uint8Array(128);
  slot.set(encoded.value);
  return { view: new DataView(slot.buffer), octets: encoded.value.length };
}

const arp = (): RecentRequests => createRecentRequests(arpProtocol.requestForm);

function remember(recent: RecentRequests, target: string, requester: number, now: number, index = 1): void {
  const { view, octets } = request(target, requester);
  const protocol = target.includes(":") ? ndpProtocol : arpProtocol;
  rememberRequest(recent, protocol.requestedAddress(view, 0), view, 0, octets, index, now);
}

/** `interface:requester`, from the frames that come back. */
function taken(recent: RecentRequests, target: string, now: number): string[] {
  const found: string[] = [];
  takeRequests(recent, keyOf(target), now, (index, view, offset) => {
    found.push(`${index}:${view.getUint8(offset + 10) * 256 + view.getUint8(offset + 11)}`);
    return true;
  });
  return found.toSorted();
}

it.each([
  { family: "ARP", form: arpProtocol.requestForm, target: "192.0.2.1", other: "192.0.2.2" },
  { family: "NDP", form: ndpProtocol.requestForm, target: "2001:db8::1", other: "2001:db8::2" },
])(
  "$family: gives back, whole and once, what was asked for an address in the last 250 ms",
  ({ form, target, other }) => {
    const recent = createRecentRequests(form);
    remember(recent, target, 3, 1000);
    remember(recent, target, 4, 1030, 2);
    remember(recent, target, 5, 779);
    remember(recent, other, 6, 1030);
    const frames: string[] = [];
    takeRequests(recent, keyOf(target), 1030, (index, view, offset, octets) => {
      const kept = Math.min(octets, form.kept);
      frames.push(`${index} ${octets} ${Buffer.from(view.buffer, offset, kept).toString("hex")}`);
      return true;
    });
    const expected = [4, 3].map((requester) => {
      const { view, octets } = request(target, requester);
      const kept = Math.min(octets, form.kept);
      return `${requester === 4 ? 2 : 1} ${octets} ${Buffer.from(view.buffer, 0, kept).toString("hex")}`;
    });
    expect(frames).toEqual(expected);
    expect(taken(recent, target, 1030)).toEqual([]);
    expect(taken(recent, other, 1030)).toEqual(["1:6"]);
  },
);

it("a request that is sent again takes no second place, and counts from then on", () => {
  const recent = arp();
  for (let now = 0; now <= 100; now += 10) remember(recent, "192.0.2.1", 3, now);
  remember(recent, "192.0.2.1", 3, 100, 2);
  expect(recent.next).toEqual([2]);
  expect(taken(recent, "192.0.2.1", 350)).toEqual(["1:3", "2:3"]);
});

it("forgets the oldest where there is no more room, and everything when it is told to", () => {
  const recent = arp();
  remember(recent, "192.0.2.1", 0, 0);
  remember(recent, "192.0.2.1", 1, 0);
  for (let other = 0; other < 1023; other += 1) remember(recent, `198.51.${other >> 8}.${other & 255}`, 7, 0);
  expect(taken(recent, "192.0.2.1", 0)).toEqual(["1:1"]);
  expect(taken(recent, "198.51.0.9", 0)).toEqual(["1:7"]);
  forgetRequests(recent);
  expect(taken(recent, "198.51.0.10", 0)).toEqual([]);
});

it("a solicitation that is longer than any in use is not kept", () => {
  const recent = createRecentRequests(ndpProtocol.requestForm);
  const { view } = request("2001:db8::1", 3);
  rememberRequest(recent, keyOf("2001:db8::1"), view, 0, 97, 1, 0);
  expect(taken(recent, "2001:db8::1", 0)).toEqual([]);
});

it("agrees with a plain list, whatever is asked and announced", () => {
  let state = 0x5eed;
  const random = (below: number): number => {
    state ^= state << 13; // xorshift32: the same in each run
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  for (let life = 0; life < runs(20); life += 1) {
    const recent = arp();
    let list: { target: string; requester: number; index: number; at: number }[] = [];
    let now = 0;
    for (let event = 0; event < 500; event += 1) {
      now += random(3) === 0 ? random(100) : 0;
      const target = `192.0.2.${random(6)}`;
      if (random(8) > 0) {
        const [requester, index] = [random(3), 1 + random(2)]; // so few that each is within reach of the look back
        remember(recent, target, requester, now, index);
        list = list.filter((each) => each.target !== target || each.requester !== requester || each.index !== index);
        list.push({ target, requester, index, at: now });
      } else {
        const due = list.filter((each) => each.target === target && now - each.at <= 250);
        expect([...new Set(taken(recent, target, now))]).toEqual(
          due.map(({ requester, index }) => `${index}:${requester}`).toSorted(),
        );
        list = list.filter((each) => each.target !== target);
      }
    }
  }
});
