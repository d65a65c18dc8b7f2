// Runs inside a host's network namespace: takes connections on one port of 127.0.0.1 and hands them on to another, what
// comes back late by as much as it is told to. node tcp-relay.mjs FROM TO; then messages { delayMs }, { cut: true }.
import { connect, createServer } from "node:net";

const [from, to] = process.argv.slice(2).map(Number);
const pairs = new Set();
let delayMs = 0;

process.on("disconnect", () => process.exit(0));

/** In order, whatever the delay was before. */
function later(write) {
  let last = 0;
  return (chunk) => {
    last = Math.max(last, performance.now() + delayMs);
    setTimeout(() => write(chunk), last - performance.now());
  };
}

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: "127.0.0.1", port: to, noDelay: true });
  const pair = [near, far];
  const end = () => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  pairs.add(pair);
  near.on("data", (chunk) => far.write(chunk));
  far.on(
    "data",
    later((chunk) => near.write(chunk)),
  );
  for (const socket of pair) socket.on("close", end).on("error", end);
});

process.on("message", (order) => {
  if (order.delayMs !== undefined) delayMs = order.delayMs;
  if (order.cut) for (const pair of pairs) for (const socket of pair) socket.destroy();
  process.send({ done: true });
});
server.listen(from, "127.0.0.1", () => process.send({ done: true }));
