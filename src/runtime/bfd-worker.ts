// Entry of the worker thread that speaks BFD: joins the sessions with the sockets. Nothing in it waits for the main thread.
import { randomInt } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { BfdReport, BfdRequest } from "./bfd/messages.js";
import { createBfdSessions } from "./speaker/bfd-sessions.js";
import { monotonicMilliseconds, startTimer } from "./transport/clock.js";
import { openDatagramReceiver, openDatagramSender } from "./transport/datagrams.js";
import { openEchoSocket } from "./transport/echo-socket.js";
import { listLinks, watchLinks } from "./transport/links.js";
import { explainSystemError } from "./transport/native.js";

if (parentPort === null) throw new Error("Cannot start BFD: this file is the entry of a worker thread");
const port = parentPort;
const sessions = createBfdSessions({
  openReceiver: openDatagramReceiver,
  openSender: openDatagramSender,
  openEchoSocket,
  interfaceIndex: (device) => listLinks().find(({ name }) => name === device)?.index,
  explain: explainSystemError,
  startTimer,
  now: monotonicMilliseconds,
  randomUint32: () => randomInt(2 ** 32),
  random: Math.random,
  report,
});
let stopWatching = (): void => {};

function report(message: BfdReport): void {
  port.postMessage(message);
}

port.on("message", (request: BfdRequest) => {
  switch (request.type) {
    case "sessions":
      return sessions.use(request.sessions);
    case "counters":
      return sessions.counters(request.id);
    case "stop":
      return sessions.stop(() => {
        stopWatching();
        port.close(); // nothing is left then that keeps the thread alive
      });
  }
});

try {
  stopWatching = watchLinks(() => sessions.linksChanged());
} catch (error) {
  // Without it, sockets of an interface that was made anew stay deaf; those of any interface do not care.
  report({ type: "error", error: { session: undefined, ...explainSystemError(error) } });
}
