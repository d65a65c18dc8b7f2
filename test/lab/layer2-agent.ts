// Runs in a host of the lab: drivers of layer 2, told what to do by layer2-process.ts over the IPC channel.
import { pathToFileURL } from "node:url";
import { startLayer2, type Layer2Driver } from "../../src/runtime/speaker/layer2-driver.js";
import type { AgentAnswer, AgentCall } from "./layer2-process.js";

const drivers = new Map<number, Layer2Driver>(); // BOUNDED by what the test starts
/** Nobody is told any more once the test has gone. */
function send(answer: AgentAnswer): void {
  if (process.connected) process.send?.(answer, () => {});
}

async function perform(request: AgentCall): Promise<unknown> {
  const { driver: number, call, excludes, addresses, interfaces } = request;
  if (call === "start") {
    const driver = startLayer2({
      workerUrl: pathToFileURL(request.worker),
      excludes: excludes.map((source) => new RegExp(source)),
      policy: request.policy,
      onError: (error) => send({ error }),
      onInterfaces: (list) => send({ interfaces: list }),
      onConflict: (conflict) => send({ conflict }),
      onRegained: (regained) => send({ regained }),
      onStalled: (stall) => send({ stall }),
    });
    drivers.set(number, driver);
    return driver.ready;
  }
  const driver = drivers.get(number);
  if (driver === undefined) throw new Error(`there is no driver ${number}`);
  switch (call) {
    case "announce":
      return Promise.all(addresses.map((address) => driver.announce(address, interfaces, request.probe)));
    case "withdraw":
      return Promise.all(addresses.map((address) => driver.withdraw(address)));
    case "setAll":
      return driver.setAll(new Map(addresses.map((address) => [address, interfaces])));
    case "counters": {
      const counters = await driver.counters();
      return { ...counters, addresses: Object.fromEntries(counters.addresses) };
    }
    case "scan":
      return driver.scan();
    case "busy":
      for (const end = performance.now() + request.milliseconds; performance.now() < end;);
      return undefined;
    case "stop":
      return driver.stop();
  }
}

process.on("message", (call: AgentCall) => {
  perform(call).then(
    (value) => send({ id: call.id, value }),
    (error: unknown) => send({ id: call.id, failure: String(error) }),
  );
});
// The test has ended, or wants this to end.
process.on("disconnect", () => void Promise.all([...drivers.values()].map((driver) => driver.stop())));
