// Runs inside a host's network namespace and makes sockets there for the process that made the lab. A socket belongs to
// the namespace in which it was made, so once handed over it can be used from outside as if one were inside.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

process.on("disconnect", () => process.exit(0));

const refuse = (id) => (error) => process.send({ id, error: error.message, code: error.code });

/** Hands the socket over, closes the copy here, and only then says that it is ready: two must never accept. */
function handOver(id, handle) {
  process.send({ id, handle: true }, handle, {}, () => handle.close(() => process.send({ id, ready: true })));
}

function makeConnection({ id, host, port, localAddress, timeoutMs }) {
  const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: "ETIMEDOUT" }));
  }, timeoutMs);
  socket.once("error", refuse(id));
  socket.once("close", () => clearTimeout(late));
  socket.once("connect", () => {
    clearTimeout(late);
    socket.removeAllListeners("error").on("error", () => undefined); // the other process hears of it from here on
    process.send({ id, handle: true, ready: true }, socket);
  });
}

process.on("message", (wanted) => {
  const { id, make, host, port } = wanted;
  if (make === "connection") return makeConnection(wanted);
  const ipv6Only = host.includes(":");
  if (make === "listener") {
    const server = createServer().once("error", refuse(id));
    return server.listen({ host, port, ipv6Only }, () => handOver(id, server));
  }
  const socket = createSocket({ type: ipv6Only ? "udp6" : "udp4", ipv6Only }).once("error", refuse(id));
  return socket.bind({ address: host, port, exclusive: true }, () => handOver(id, socket));
});
