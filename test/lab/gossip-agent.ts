// Runs in a host of the lab: members of gossip as they are shipped, told what to do by gossip.ts over the IPC channel.
import { createSecretKey } from "node:crypto";
import { membershipPorts } from "../../src/runtime/membership-edge.js";
import { encodeMetadata } from "../../src/runtime/membership/metadata.js";
import { LAN_PARAMETERS } from "../../src/runtime/membership/parameters.js";
import { explainReport } from "../../src/runtime/membership/report-text.js";
import { createMembership } from "../../src/runtime/speaker/membership-driver.js";
import type { Membership } from "../../src/runtime/speaker/membership.js";
import type { GossipAnswer, GossipCall } from "./gossip.js";

const members = new Map<string, Membership>(); // BOUNDED by what the test starts
const send = (answer: GossipAnswer): void => void process.send?.(answer);
const keysOf = (texts: readonly string[]) => texts.map((text) => createSecretKey(Buffer.from(text, "hex")));
const endpointsOf = (addresses: readonly string[]) => addresses.map((address) => ({ address, port: 7946 }));

async function perform({ call, name, list, heartbeats, parameters }: GossipCall): Promise<unknown> {
  if (call === "start") {
    const [bindAddress = "", metadata = "", ...keys] = list;
    const member = await createMembership(
      {
        name,
        bindAddress,
        port: 7946,
        metadata: heartbeats ? encodeMetadata({ heartbeats }) : new TextEncoder().encode(metadata),
        parameters: { ...LAN_PARAMETERS, ...parameters },
        keys: keysOf(keys),
        onChange: (change) => send({ by: name, said: `${change.what} ${change.name}` }),
        onReport: (report) => send({ by: name, said: explainReport(report).text }),
        onError: (error) => send({ by: name, said: `error ${error.message}` }),
      },
      membershipPorts,
    );
    return void members.set(name, member);
  }
  const member = members.get(name);
  if (member === undefined) throw new Error(`there is no member ${name}`);
  switch (call) {
    case "join":
      return member.join(endpointsOf(list));
    case "members":
      return member
        .members()
        .filter((one) => member.alive().has(one.name))
        .map((one) => `${one.name}=${new TextDecoder().decode(one.metadata)}`)
        .toSorted();
    case "metadata":
      return member.setMetadata(new TextEncoder().encode(list[0] ?? ""));
    case "keys":
      return member.setKeys(keysOf(list));
    case "counters": {
      const counters = member.counters();
      const [dropped, reports] = [Object.fromEntries(counters.dropped), Object.fromEntries(counters.reports)];
      return { ...counters, dropped, reports };
    }
    case "leave":
      return member.leave(5000);
    case "stop":
      members.delete(name);
      return member.stop();
  }
}

process.on("message", (call: GossipCall) => {
  perform(call).then(
    (value) => send({ id: call.id, value }),
    (error: unknown) => send({ id: call.id, failure: String(error) }),
  );
});
// The test has ended, or wants this to end.
process.on("disconnect", () => void Promise.all([...members.values()].map((member) => member.stop())));
