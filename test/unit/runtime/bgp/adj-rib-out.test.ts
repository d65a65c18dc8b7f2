import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  createAdjRibOut,
  MAX_GROUPS,
  type AdjRibOut,
  type RouteChanges,
} from "../../../../src/runtime/bgp/adj-rib-out.js";
import { formatPrefix } from "../../../../src/runtime/net/address.js";
import { runs } from "../../runs.js";
import { prefix } from "./prefixes.js";

type Attributes = Readonly<{ localPref: number }>;
const LOW: Attributes = { localPref: 100 };
const HIGH: Attributes = { localPref: 200 };
const [A, B, SIX] = [prefix("192.0.2.1/32"), prefix("192.0.2.2/32"), prefix("2001:db8::1/128")];
const all = (rib: AdjRibOut<Attributes>): readonly string[] => describeChanges(rib.take(1000));

function describeChanges({ withdrawn, announced }: RouteChanges<Attributes>): readonly string[] {
  return [
    ...[...withdrawn.ipv4, ...withdrawn.ipv6].map((one) => `-${formatPrefix(one)}`),
    ...announced.map(({ attributes: { localPref }, prefixes }) => `+${prefixes.map(formatPrefix).join()} ${localPref}`),
  ];
}

it.each<{ name: string; act: (rib: AdjRibOut<Attributes>) => void; said: readonly string[] }>([
  { name: "nothing where nothing changed", act: () => undefined, said: [] },
  { name: "a route with other attributes", act: (rib) => rib.announce(A, HIGH), said: ["+192.0.2.1/32 200"] },
  { name: "nothing for the same again", act: (rib) => rib.announce(A, LOW), said: [] },
  { name: "a withdrawal", act: (rib) => rib.withdraw(A), said: ["-192.0.2.1/32"] },
  { name: "nothing for what the peer never heard of", act: (rib) => rib.withdraw(B), said: [] },
  {
    name: "nothing for a change that was taken back",
    act(rib) {
      rib.announce(A, HIGH);
      rib.withdraw(A);
      rib.announce(A, LOW);
      rib.announce(B, LOW);
      rib.withdraw(B);
    },
    said: [],
  },
  {
    name: "routes together that are alike, each family by itself",
    act(rib) {
      for (const one of [B, SIX, prefix("192.0.2.3/32")]) rib.announce(one, LOW);
      rib.announce(prefix("192.0.2.4/32"), HIGH);
    },
    said: ["+192.0.2.2/32,192.0.2.3/32 100", "+192.0.2.4/32 200", "+2001:db8::1/128 100"],
  },
  { name: "everything to a new session", act: (rib) => rib.forgetSent(), said: ["+192.0.2.1/32 100"] },
  { name: "everything again that is asked for", act: (rib) => rib.refresh("ipv4"), said: ["+192.0.2.1/32 100"] },
  {
    name: "everything that is asked for, also what changed and changed back meanwhile",
    act(rib) {
      rib.refresh("ipv4");
      rib.announce(A, HIGH);
      rib.announce(A, LOW);
    },
    said: ["+192.0.2.1/32 100"],
  },
  {
    name: "no more than the withdrawal of what is asked for and goes",
    act(rib) {
      rib.refresh("ipv4");
      rib.withdraw(A);
    },
    said: ["-192.0.2.1/32"],
  },
  { name: "nothing of a family that was not asked for", act: (rib) => rib.refresh("ipv6"), said: [] },
])("says $name", ({ act, said }) => {
  const rib = createAdjRibOut<Attributes>();
  rib.announce(A, LOW);
  expect(all(rib)).toEqual(["+192.0.2.1/32 100"]);
  act(rib);
  expect(all(rib)).toEqual(said);
  expect([rib.isSettled(), all(rib)]).toEqual([true, []]);
});

it("does not withdraw from a new session what the last one was told", () => {
  const rib = createAdjRibOut<Attributes>();
  rib.announce(A, LOW);
  all(rib);
  rib.withdraw(A);
  rib.forgetSent();
  expect([all(rib), rib.sentCount()]).toEqual([[], 0]);
});

it("brings the peer to know what it is to know, by as many takes as it needs", () => {
  const prefixes = Array.from({ length: 8 }, (_, index) => prefix(`192.0.2.${index}/32`)).concat(SIX);
  const one = fc.constantFrom(...prefixes);
  const action = fc.oneof(
    fc.record({ do: fc.constant("announce" as const), prefix: one, attributes: fc.constantFrom(LOW, HIGH) }),
    fc.record({ do: fc.constant("withdraw" as const), prefix: one }),
    fc.record({ do: fc.constant("take" as const), count: fc.nat(4) }),
    fc.record({ do: fc.constant("forgetSent" as const) }),
    fc.record({ do: fc.constant("refresh" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const rib = createAdjRibOut<Attributes>();
      const wanted = new Map<string, Attributes>();
      const heard = new Map<string, Attributes>();
      const hear = (count: number): number => {
        const { withdrawn, announced } = rib.take(count);
        const gone = [...withdrawn.ipv4, ...withdrawn.ipv6];
        for (const each of gone) expect(heard.delete(formatPrefix(each))).toBe(true); // only what was announced
        for (const { attributes: told, prefixes: each } of announced) {
          for (const every of each) heard.set(formatPrefix(every), told);
        }
        return gone.length + announced.reduce((sum, { prefixes: each }) => sum + each.length, 0);
      };
      for (const act of actions) {
        if (act.do === "announce") {
          rib.announce(act.prefix, act.attributes);
          wanted.set(formatPrefix(act.prefix), act.attributes);
        } else if (act.do === "withdraw") {
          rib.withdraw(act.prefix);
          wanted.delete(formatPrefix(act.prefix));
        } else if (act.do === "take") expect(hear(act.count)).toBeLessThanOrEqual(act.count);
        else if (act.do === "refresh") rib.refresh("ipv4");
        else {
          rib.forgetSent();
          heard.clear();
        }
        expect(rib.sentCount()).toBe(heard.size);
      }
      while (!rib.isSettled()) expect(hear(3)).toBeGreaterThan(0);
      expect(heard).toEqual(wanted);
    }),
    { numRuns: runs(300) },
  );
});

it("says no more groups at once than so many messages, and the rest the next time", () => {
  const rib = createAdjRibOut<Attributes>();
  const unlike = Array.from({ length: 2 * MAX_GROUPS + 1 }, (_, localPref): Attributes => ({ localPref }));
  const told = (): readonly number[] => rib.take(1000).announced.map(({ prefixes }) => prefixes.length);
  for (const [index, attributes] of unlike.entries()) {
    const family = index % 2 === 0 ? "2001:db8::" : "198.18.0.";
    rib.announce(prefix(`${family}${index >> 1}/${index % 2 === 0 ? 128 : 32}`), attributes);
  }
  rib.announce(A, unlike[1] ?? LOW); // shares a message with another
  const first = told();
  expect([first.length, Math.max(...first), rib.isSettled(), rib.sentCount()]).toEqual([128, 2, false, 129]);
  expect([told().length, rib.isSettled()]).toEqual([128, false]);
  expect([told(), rib.isSettled(), told()]).toEqual([[1], true, []]);
});

it("tells prefixes of all lengths apart, of both families", () => {
  const rib = createAdjRibOut<Attributes>();
  const texts = ["0.0.0.0/0", "0.0.0.0/32", "255.255.255.255/32", "255.255.255.254/31", "::/0", "::/128", "::ff/128"];
  for (const text of texts) rib.announce(prefix(text), LOW);
  for (const text of texts) rib.announce(prefix(text), LOW);
  const { announced } = rib.take(100);
  expect(announced.flatMap(({ prefixes }) => prefixes.map(formatPrefix))).toEqual(texts);
});
