import type { MessagePort } from "node:worker_threads";
import type { MemberChange } from "../membership/effects.js";
import { decodeMetadata } from "../membership/metadata.js";
import type { Endpoint } from "../membership/state.js";
import { createMembership } from "./membership-driver.js";
import type { Membership } from "./membership.js";
import type { HostedOptions, Living, MembershipCall, MembershipSaid } from "./membership-messages.js";
import type { MembershipPorts } from "./membership-ports.js";

/** Membership that somebody on another thread uses by way of a port. */
export type MembershipHost = Readonly<{
  /** Undefined until the sockets are open, and where they could not be opened. */
  membership: () => Membership | undefined;
  /** Closes sockets and port. Idempotent. */
  stop: () => Promise<void>;
}>;

/** For those on the same thread. */
export type HostHandlers = Readonly<{
  /**
   * A speaker, of this name where it is known, has said something by tellOurs(); also what is none of it.
   * @returns whether it could be read
   */
  hearOurs: (body: Uint8Array, sender: string | undefined) => boolean;
  /** Fulfilled when all of ours that live have given way, or after so long: whether they have. */
  allGaveWay: (milliseconds: number) => Promise<boolean>;
  /** Somebody found this member dead at this incarnation; it has protested. */
  onTakenForDead: (incarnation: number) => void;
  /** At the start, and after each change. */
  onLiving: (living: Living) => void;
}>;

/**
 * Takes part in gossip on this thread, so that who is alive is whoever's thread answers, and tells it on `port`. It ends
 * when it is told to, and when the other side of the port is gone.
 */
export function startMembershipHost(
  port: MessagePort,
  options: HostedOptions,
  ports: MembershipPorts,
  { hearOurs, allGaveWay, onTakenForDead, onLiving }: HostHandlers,
): MembershipHost {
  let membership: Membership | undefined;
  let stopping: Promise<void> | undefined;
  let changes: MemberChange[] = []; // BOUNDED by what befalls members in one turn of the event loop
  const say = (said: MembershipSaid): void => port.postMessage(said);

  /** A list of hundreds of members is one message, not one for each. */
  function tellChange(change: MemberChange): void {
    changes.push(change);
    if (changes.length === 1) queueMicrotask(tellChanges);
  }

  function tellChanges(): void {
    const told = changes;
    changes = [];
    if (membership === undefined) return;
    const living = livingIn(membership);
    onLiving(living);
    say({ type: "changed", changes: told, living });
  }

  function hear(body: Uint8Array, from: Endpoint): boolean {
    // Of several that had this address one after the other, the one that has it now.
    const sender = membership
      ?.members()
      .find(
        ({ endpoint, state }) => endpoint.address === from.address && (state === "alive" || state === "suspect"),
      )?.name;
    return hearOurs(body, sender);
  }

  async function open(): Promise<void> {
    try {
      membership = await createMembership(
        {
          ...options,
          hearOurs: hear,
          onTakenForDead,
          onChange: tellChange,
          onReport: (report) => say({ type: "report", report }),
          onError: ({ message }) => say({ type: "error", message }),
        },
        ports,
      );
      const living = livingIn(membership);
      onLiving(living);
      say({ type: "started", living });
    } catch (error) {
      const { code, name, message } = error as NodeJS.ErrnoException;
      say({ type: "failed", code: code ?? name, message });
      await stop();
    }
  }

  function stop(): Promise<void> {
    return (stopping ??= end());
  }

  async function end(): Promise<void> {
    await membership?.stop();
    port.close();
  }

  async function perform(call: MembershipCall, on: Membership): Promise<void> {
    switch (call.type) {
      case "join":
        return say({ type: "answer", id: call.id, value: await on.join(call.endpoints) });
      case "members":
        return say({ type: "answer", id: call.id, value: on.members() });
      case "counters":
        return say({ type: "answer", id: call.id, value: on.counters() });
      case "leave":
        await on.leave(call.timeoutMilliseconds);
        return say({ type: "answer", id: call.id, value: undefined });
      case "allGaveWay":
        return say({ type: "answer", id: call.id, value: await allGaveWay(call.milliseconds) });
      case "setMetadata":
        return on.setMetadata(call.metadata);
      case "stop":
        await on.stop();
        say({ type: "answer", id: call.id, value: undefined });
        return stop();
    }
  }

  const opened = open();
  port.on("message", (call: MembershipCall) => {
    if (membership !== undefined) void perform(call, membership);
  });
  port.on("close", () => void opened.then(stop));
  return { membership: () => membership, stop: () => opened.then(stop) };
}

function livingIn(membership: Membership): Living {
  const alive = membership.alive();
  const ours = membership
    .members()
    .filter(({ name, metadata }) => alive.has(name) && decodeMetadata(metadata) !== undefined)
    .map(({ name }) => name);
  return { alive, ours: new Set(ours) };
}
