import type { MembershipEffect } from "../../../../src/runtime/membership/effects.js";
import { decodeMessage, type Alive, type Message } from "../../../../src/runtime/membership/messages.js";
import { OUR_VERSIONS, type Endpoint } from "../../../../src/runtime/membership/state.js";
import { octets } from "./octets.js";

/** Member nN has the address 10.0.0.N. */
export const at = (last: number): Endpoint => ({ address: `10.0.0.${last}`, port: 7946 });
export const alive = (last: number, incarnation = 1, more: Partial<Alive> = {}): Alive => ({
  type: "alive",
  incarnation,
  node: `n${last}`,
  address: Uint8Array.of(10, 0, 0, last),
  port: 7946,
  metadata: octets(""),
  versions: OUR_VERSIONS,
  ...more,
});
export const suspect = (node: string, from: string, incarnation = 1): Message => ({
  type: "suspect",
  incarnation,
  node,
  from,
});
export const dead = (node: string, from: string, incarnation = 1): Message => ({
  type: "dead",
  incarnation,
  node,
  from,
});

/** The messages of all packets, with where they go. */
export const sent = (effects: readonly MembershipEffect[]): (Message & { to: string })[] =>
  effects.flatMap((effect) =>
    effect.do === "sendPacket"
      ? effect.messages.map((wire) => {
          const read = decodeMessage(wire);
          if (!read.ok) throw new Error(read.fault);
          return { ...read.value, to: effect.to.address };
        })
      : [],
  );
export const kinds = (effects: readonly MembershipEffect[]) => effects.map((effect) => effect.do);
export const changes = (effects: readonly MembershipEffect[]) =>
  effects.flatMap((effect) => (effect.do === "changed" ? [`${effect.change.what} ${effect.change.name}`] : []));
