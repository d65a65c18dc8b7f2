import type { MessagePort } from "node:worker_threads";
import type { MemberChange, MembershipReport } from "../membership/effects.js";
import { requireMetadata } from "../membership/metadata.js";
import type { Endpoint } from "../membership/state.js";
import type { Joined, Membership, MembershipCounters, MemberView } from "./membership.js";
import type { Living, MembershipAnswers, MembershipCall, MembershipSaid } from "./membership-messages.js";

export type MembershipHandlers = Readonly<{
  /** After changes of who is alive, or of what members say of themselves; alive() is as it is after all of them. */
  onChanges: (changes: readonly MemberChange[]) => void;
  onReport: (report: MembershipReport) => void;
  /** It hears nothing any more, and is to be opened anew; said once, not after stop(). */
  onLost: (reason: string) => void;
}>;

/** Membership on another thread: as it is there, asked across a port. Nothing rejects; without that thread answers are empty. */
export type MembershipClient = Readonly<{
  /** As the other thread said last. The same set until it changes. */
  alive: () => ReadonlySet<string>;
  /** Those of them who say that they are ours. */
  ours: () => ReadonlySet<string>;
  members: () => Promise<readonly MemberView[]>;
  /** Undefined where there are none any more. */
  counters: () => Promise<MembershipCounters | undefined>;
  join: Membership["join"];
  setMetadata: Membership["setMetadata"];
  leave: Membership["leave"];
  /** Fulfilled when all of ours that live have given way, or after so long: whether they have. */
  allGaveWay: (milliseconds: number) => Promise<boolean>;
  stop: () => Promise<void>;
}>;

type Asking = Exclude<MembershipCall["type"], "setMetadata">;

/**
 * Talks to startMembershipHost() at the other end of `port`.
 * @returns once the sockets are open; rejects with an Error that has the `code` of errno(3) where they cannot be
 */
export function createMembershipClient(
  port: MessagePort,
  { onChanges, onReport, onLost }: MembershipHandlers,
): Promise<MembershipClient> {
  const asked = new Map<number, (value: unknown) => void>(); // by id; BOUNDED by the callers that wait
  let living: Living = { alive: new Set(), ours: new Set() };
  let nextId = 1;
  let state: "opening" | "open" | "lost" | "stopped" = "opening";
  let isPortClosed = false;
  let opened: (error?: Error) => void = () => {};

  function receive(said: MembershipSaid): void {
    switch (said.type) {
      case "started":
        ({ living } = said);
        return opened();
      case "failed":
        return opened(Object.assign(new Error(said.message), { code: said.code }));
      case "changed":
        ({ living } = said);
        return onChanges(said.changes);
      case "report":
        return onReport(said.report);
      case "error":
        return lose(said.message);
      case "answer":
        asked.get(said.id)?.(said.value);
        asked.delete(said.id);
    }
  }

  function lose(reason: string): void {
    const isOpen = state === "open";
    if (state !== "stopped") state = "lost";
    opened(Object.assign(new Error(reason), { code: "ERR_CLOSED" })); // where it was opening still
    if (isOpen) onLost(reason);
  }

  function closed(): void {
    isPortClosed = true;
    for (const resolve of asked.values()) resolve(undefined);
    asked.clear();
    lose("the thread that took part in it has ended");
  }

  /** @returns undefined where nobody answers any more */
  function ask<Type extends Asking>(
    type: Type,
    call: (id: number) => MembershipCall,
  ): Promise<MembershipAnswers[Type] | undefined> {
    if (state !== "open" && type !== "stop") return Promise.resolve(undefined);
    const id = nextId;
    nextId += 1;
    const answer = new Promise<unknown>((resolve) => asked.set(id, resolve));
    port.postMessage(call(id));
    return answer as Promise<MembershipAnswers[Type] | undefined>;
  }

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    state = "stopped";
    if (!isPortClosed) await ask("stop", (id) => ({ type: "stop", id }));
    port.close();
  }

  const client: MembershipClient = {
    alive: () => living.alive,
    ours: () => living.ours,
    members: async () => (await ask("members", (id) => ({ type: "members", id }))) ?? [],
    counters: () => ask("counters", (id) => ({ type: "counters", id })),
    async join(endpoints) {
      const joined = await ask("join", (id) => ({ type: "join", id, endpoints }));
      return joined ?? nobodyReached(endpoints);
    },
    setMetadata(metadata) {
      port.postMessage({ type: "setMetadata", metadata: requireMetadata(metadata) } satisfies MembershipCall);
    },
    leave: (timeoutMilliseconds) => ask("leave", (id) => ({ type: "leave", id, timeoutMilliseconds })),
    allGaveWay: async (milliseconds) =>
      (await ask("allGaveWay", (id) => ({ type: "allGaveWay", id, milliseconds }))) ?? false,
    stop: () => (stopping ??= stop()),
  };

  return new Promise((resolve, reject) => {
    opened = (error) => {
      opened = () => {};
      if (error === undefined) {
        state = "open";
        return resolve(client);
      }
      state = "stopped";
      port.close();
      reject(error);
    };
    port.on("message", receive);
    port.on("close", closed);
  });
}

function nobodyReached(endpoints: readonly Endpoint[]): Joined {
  return { reached: 0, failed: endpoints.map((to) => ({ to, reason: "ERR_CLOSED" })) };
}
