/** Small HTTP and UDP peers on top of sockets of a host. */
import type { Socket as DatagramSocket } from "node:dgram";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { Sockets } from "./sockets.js";
import { within } from "./until.js";

export type Page = Readonly<{ status: number; headers: IncomingMessage["headers"]; body: string }>;

export type FetchOptions = Readonly<{
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** For the whole exchange; 5,000 ms if left out. */
  timeoutMs?: number;
  /** The source address, where the host has several. */
  localAddress?: string;
}>;

/** Ends the server and the connections that it has. */
export type Served = Readonly<{ port: number; requests: () => number; close: () => Promise<void> }>;

export type Answer = string | ((request: IncomingMessage, response: ServerResponse) => void);

/** One exchange over a connection of its own (http only). Any status is a page; no connection or no answer rejects. */
export async function fetchFrom(sockets: Sockets, url: string, options: FetchOptions = {}): Promise<Page> {
  const { method = "GET", headers = {}, body, timeoutMs = 5000, localAddress } = options;
  const { hostname, port, pathname, search } = new URL(url);
  const host = hostname.replaceAll(/[[\]]/g, "");
  const to = { host, port: Number(port || 80), timeoutMs, ...(localAddress === undefined ? {} : { localAddress }) };
  const socket = await sockets.connect(to);
  const exchange = new Promise<Page>((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      method,
      path: pathname + search,
      headers: { host: new URL(url).host, connection: "close", ...headers },
    });
    sent.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.end(body);
  });
  exchange.catch(() => undefined); // when it is late, its own failure no longer matters
  return within(exchange, { what: `an answer from ${url}`, deadlineMs: timeoutMs }).finally(() => socket.destroy());
}

export async function serveHttp(sockets: Sockets, host: string, port: number, answer: Answer): Promise<Served> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    if (typeof answer === "function") answer(request, response);
    else response.end(answer);
  });
  server.keepAliveTimeout = 1000;
  server.listen(await sockets.listen({ host, port }));
  await new Promise((resolve) => server.once("listening", resolve));
  server.unref();
  return {
    port,
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers each datagram, e.g. as a DNS server would. */
export async function serveUdp(
  sockets: Sockets,
  host: string,
  port: number,
  answer: (question: Buffer) => Buffer | string,
): Promise<Served> {
  const socket = await sockets.datagrams({ host, port });
  let requests = 0;
  socket.on("message", (question, from) => {
    requests += 1;
    socket.send(answer(question), from.port, from.address);
  });
  socket.on("error", () => undefined); // an ICMP error about one asker is no matter for the others
  socket.unref();
  return { port, requests: () => requests, close: () => closeDatagrams(socket) };
}

/** Sends one datagram and returns the first answer from where it went; rejects when none comes in time. */
export async function askUdp(
  sockets: Sockets,
  to: Readonly<{ host: string; port: number; timeoutMs?: number }>,
  question: Buffer | string,
): Promise<Buffer> {
  const socket = await sockets.datagrams({ host: to.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.on("message", (text, from) => from.port === to.port && from.address === to.host && resolve(text));
    socket.on("error", reject);
    socket.send(question, to.port, to.host, (error) => error !== null && reject(error));
  });
  answer.catch(() => undefined);
  try {
    return await within(answer, { what: `an answer from udp ${to.host}:${to.port}`, deadlineMs: to.timeoutMs ?? 5000 });
  } finally {
    await closeDatagrams(socket);
  }
}

const closeDatagrams = (socket: DatagramSocket): Promise<void> =>
  new Promise((resolve) => {
    socket.close(() => resolve());
  });
