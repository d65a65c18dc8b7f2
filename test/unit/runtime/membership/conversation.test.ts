import { describe, expect, it } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { decodePacket } from "../../../../src/runtime/membership/packet.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import { createMembershipState } from "../../../../src/runtime/membership/state.js";
import { step } from "../../../../src/runtime/membership/step.js";
import { createStreamReader } from "../../../../src/runtime/membership/stream.js";
import { readConversations } from "./conversation.js";

const FROM = { address: "127.0.77.2", port: 7946 };
const STRANGERS = deriveKeyRing(new TextEncoder().encode("another secret"), "new");

describe.each(readConversations())("captured from $name", ({ keys, heard }) => {
  const rules = { keys, verifyIncoming: true, label: "" };

  it("is read without a fault, each kind of message is in it, and it leads to what it led to", () => {
    const options = {
      address: "127.0.77.1",
      port: 7946,
      parameters: LAN_PARAMETERS,
      packetOverheadOctets: 34,
      seed: 1,
    };
    const state = createMembershipState({ name: "n1", ...options }, 0);
    const types = new Set<string>();
    const changes: string[] = [];
    function take(event: Parameters<typeof step>[1]): void {
      for (const effect of step(state, event, 0)) {
        if (effect.do === "changed") changes.push(`${effect.change.what} ${effect.change.name}`);
      }
    }
    for (const { kind, wire } of heard) {
      if (kind === "packet") {
        const { messages, faults, key } = decodePacket(wire, rules);
        expect(faults).toEqual([]);
        expect(key).toBe(keys[0]);
        for (const message of messages) {
          types.add(message.type);
          take({ type: "message", from: FROM, message });
        }
      } else {
        const read = createStreamReader(rules).read(wire);
        if (read.kind !== "message") throw new Error(JSON.stringify(read));
        expect(read.key).toBe(keys[0]);
        types.add(read.message.type);
        if (read.message.type === "pushPull") take({ type: "remoteState", members: read.message.members });
      }
    }
    const expected = ["ack", "alive", "dead", "indirectPing", "nack", "ping", "pushPull", "suspect"];
    expect([...types].toSorted()).toEqual(expected);
    expect(changes).toEqual(["joined n2", "joined n3", "left n2"]);
    expect(state.members.get("n3")).toMatchObject({ state: "alive", endpoint: { port: 7946 } });
    expect(new TextDecoder().decode(state.members.get("n3")?.metadata)).toBe("hello");
  });

  it("says nothing to who has another key", () => {
    const strange = { ...rules, keys: STRANGERS };
    for (const { kind, wire } of heard) {
      if (kind === "packet") expect(decodePacket(wire, strange).messages).toEqual([]);
      else expect(createStreamReader(strange).read(wire).kind).toBe("malformed");
    }
  });
});
