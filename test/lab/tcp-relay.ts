/** A slow or broken way between two programs of one host. */
import { once } from "node:events";
import { join } from "node:path";
import { repositoryRoot } from "./places.js";
import { startIn } from "./process.js";
import { within } from "./until.js";

export type TcpRelay = Readonly<{
  /** From now on every answer comes so much later, in order. */
  delay: (milliseconds: number) => Promise<void>;
  /** Breaks every connection there is; new ones are taken. */
  cut: () => Promise<void>;
  close: () => void;
}>;

/** Connections to port `from` of 127.0.0.1 in this namespace go to port `to` there, which need not listen yet. */
export async function startTcpRelay(
  { namespace }: Readonly<{ namespace: string }>,
  { from, to }: Readonly<{ from: number; to: number }>,
): Promise<TcpRelay> {
  const script = join(repositoryRoot(), "test/lab/tcp-relay.mjs");
  const argv = [process.execPath, script, `${from}`, `${to}`];
  const child = startIn(namespace, argv, { name: "TCP relay", env: { NODE_OPTIONS: undefined } }, [
    "ignore",
    "inherit",
    "inherit",
    "ipc",
  ]);
  const done = async (): Promise<void> => {
    await within(once(child, "message"), { what: "the TCP relay to have done it" });
  };
  const order = async (message: Readonly<Record<string, unknown>>): Promise<void> => {
    const finished = done();
    child.send(message);
    await finished;
  };
  await done();
  return { delay: (delayMs) => order({ delayMs }), cut: () => order({ cut: true }), close: () => void child.kill() };
}
