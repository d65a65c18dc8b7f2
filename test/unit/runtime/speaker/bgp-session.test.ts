import { expect, it } from "vitest";
import { parseAddress } from "#bgp-ts";
import { startBgpSession, type ConnectionHandlers } from "../../../../src/runtime/speaker/bgp-session.js";
import { fromHex, updateBody } from "../bgp/hex.js";

/** A session that is established, and what it logs. */
function begin() {
  const lines: { level: string; fields: Readonly<Record<string, unknown>>; text: string }[] = [];
  const logAs =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, text: string): void =>
      void lines.push({ level, fields, text });
  const bgpIdentifier = parseAddress("10.0.0.9");
  if (bgpIdentifier === undefined) throw new Error("unreachable");
  const handlers: ConnectionHandlers[] = [];
  const local = { asn: 64_512, peerAs: 64_513, bgpIdentifier, holdTimeSeconds: 90, capabilities: [] };
  const peer = { local, passive: false, connectRetrySeconds: 120 };
  const target = { address: "10.0.0.1", port: 179, ttl: 255 };
  const session = startBgpSession(
    "10.0.0.1:179",
    { peer, target },
    {
      connect(_target, of) {
        handlers.push(of);
        return () => {};
      },
      findRouter: () => () => {},
      useKeys: () => {},
      nextHops: () => ({ ipv4: [bgpIdentifier] }),
      setTimer: () => () => {},
      defer: (work) => work(),
      random: () => 0,
      log: { debug: logAs("debug"), info: logAs("info"), warn: logAs("warn"), error: logAs("error") },
    },
  );
  const [ours] = handlers;
  if (ours === undefined) throw new Error("nothing was opened");
  const hear = (type: string, body: Uint8Array): void => {
    const length = (19 + body.length).toString(16).padStart(4, "0");
    ours.received(Uint8Array.from([...fromHex(`${"ff".repeat(16)} ${length} ${type}`), ...body]));
  };
  ours.connected({ localAddress: "10.0.0.9", write: () => true, end: () => {} });
  hear("01", fromHex("04 fc01 005a 0a000001 00"));
  hear("04", new Uint8Array());
  expect(session.state()).toBe("Established");
  lines.length = 0;
  return { session, hear, lines };
}

const MANDATORY = "40 01 01 07 40 02 04 0201 fc01 40 03 04 0a000001"; // an ORIGIN that does not exist

// RFC 7606 §6
it("logs what is wrong with a peer's UPDATE, with its routes and all of it, and does not let a peer fill the log", () => {
  const { hear, lines, session } = begin();
  const body = updateBody(MANDATORY, "20 c0000201 08 0a");
  hear("02", body);
  expect(lines).toEqual([
    {
      level: "warn",
      fields: {
        event: "peerUpdateWrong",
        peer: "10.0.0.1:179",
        routes: ["192.0.2.1/32", "10.0.0.0/8"],
        update: Buffer.from(body).toString("hex"),
      },
      text: "The peer sent a wrong UPDATE: ORIGIN is 7, not 0 to 2",
    },
  ]);
  for (let more = 0; more < 99; more += 1) hear("02", body);
  expect(lines.filter(({ level }) => level === "warn")).toHaveLength(10);
  expect(lines.filter(({ level, fields }) => level === "debug" && fields["update"] === undefined)).toHaveLength(90);
  expect(session.state()).toBe("Established");
});
