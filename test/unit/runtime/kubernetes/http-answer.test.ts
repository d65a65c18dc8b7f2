import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAnswerReader, type ServerAnswer } from "../../../../src/runtime/kubernetes/http-answer.js";
import { runs } from "../../runs.js";

const MAX_BODY = 1000;

/** What is read of octets that come in these pieces, and then the end of the connection. */
function readIn(pieces: readonly Buffer[]): ServerAnswer | string {
  const reader = createAnswerReader(MAX_BODY);
  for (const [index, piece] of pieces.entries()) {
    const read = reader.read(piece);
    if (typeof read === "string") return read;
    if (read !== undefined) return index === pieces.length - 1 ? read : "is complete before its last piece";
  }
  return reader.end();
}

const octets = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");
const one = (text: string): readonly Buffer[] => [octets(text)];
const oneByOne = (text: string): readonly Buffer[] => [...octets(text)].map((octet) => Buffer.of(octet));

const LENGTH = 'HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 8\n\n{"ü":1}';
const CHUNKED = 'HTTP/1.1 201 Created\ntransfer-encoding: Chunked\n\n3;ext=1\n{"\xc3\n5 \n\xbc":1}\n0\nTrailer: x\n\n';

describe.each([
  { pieces: "at once", cut: one },
  { pieces: "octet by octet", cut: oneByOne },
])("answers that come $pieces", ({ cut }) => {
  it.each<{ name: string; text: string; answer: Partial<ServerAnswer> }>([
    { name: "a length", text: LENGTH, answer: { status: 200, body: '{"ü":1}', keepsOpen: true } },
    { name: "no body", text: "HTTP/1.1 204 No Content\n\n", answer: { status: 204, body: "", keepsOpen: true } },
    {
      name: "a length of nothing",
      text: "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      answer: { status: 200, body: "", keepsOpen: true },
    },
    {
      name: "an end where the connection ends",
      text: "HTTP/1.1 200 OK\n\nall of it",
      answer: { body: "all of it", keepsOpen: false },
    },
    {
      name: "the last answer of its connection",
      text: "HTTP/1.1 200 OK\nContent-Length: 1\nConnection: x, Close\n\n1",
      answer: { body: "1", keepsOpen: false },
    },
    {
      name: "the older version, whose connections end",
      text: "HTTP/1.0 200 OK\nContent-Length: 1\n\n1",
      answer: { body: "1", keepsOpen: false },
    },
    {
      name: "a word before it",
      text: "HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 409 Conflict\nContent-Length: 1\n\n1",
      answer: { status: 409, body: "1" },
    },
    { name: "a status without a reason", text: "HTTP/1.1 404\nContent-Length: 1\n\n1", answer: { status: 404 } },
    {
      name: "the same length twice",
      text: "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1\n\n1",
      answer: { body: "1" },
    },
  ])("have $name", ({ text, answer }) => expect(readIn(cut(text))).toMatchObject(answer));

  it("have chunks", () => {
    const text = Buffer.from(CHUNKED.replaceAll("\n", "\r\n"), "latin1");
    const pieces = cut === one ? [text] : [...text].map((octet) => Buffer.of(octet));
    expect(readIn(pieces)).toMatchObject({ status: 201, body: '{"ü":1}', keepsOpen: true });
  });

  it("have headers without regard to case and spaces", () => {
    const read = readIn(cut("HTTP/1.1 429 Slow\nRETRY-after: \t 7 \nContent-Length: 0\n\n"));
    expect(typeof read === "string" ? read : read.headers.get("retry-after")).toBe("7");
  });

  it.each([
    { text: "HTTP/1.1 200 OK\nContent-Length: 2\n\n1", fault: "ends before it is complete" },
    { text: "HTTP/1.1 200 OK\nContent-Le", fault: "ends before it is complete" },
    { text: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\n1\n", fault: "ends before it is complete" },
    { text: "HTTP/2 200 OK\n\n", fault: "is not HTTP/1.1" },
    { text: "\n\n\n", fault: "is not HTTP/1.1" },
    { text: "HTTP/1.1 101 Switching\n\n", fault: "changes the protocol" },
    { text: "HTTP/1.1 200 OK\n folded: line\n\n", fault: "has a line among its headers that is none" },
    { text: "HTTP/1.1 200 OK\nname : x\n\n", fault: "has a line among its headers that is none" },
    {
      text: "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\n",
      fault: "says twice what its content-length is",
    },
    { text: "HTTP/1.1 200 OK\nContent-Length: -1\n\n", fault: "has a Content-Length that is no number" },
    { text: "HTTP/1.1 200 OK\nContent-Length: 1001\n\n", fault: "is longer than 1000 octets" },
    { text: "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\n", fault: "has a Transfer-Encoding that is not chunked" },
    {
      text: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 1\n\n",
      fault: "has both a Content-Length and a Transfer-Encoding",
    },
    { text: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nx\n", fault: "has a chunk without a size" },
    {
      text: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\n12\n",
      fault: "has a chunk that is longer than its size",
    },
    { text: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nfffffff\n", fault: "is longer than 1000 octets" },
    { text: `HTTP/1.1 200 OK\n\n${"x".repeat(1001)}`, fault: "is longer than 1000 octets" },
    { text: `HTTP/1.1 200 OK\nx: ${"x".repeat(70_000)}`, fault: "has more than 65536 octets of headers" },
  ])("are refused where one $fault", ({ text, fault }) => expect(readIn(cut(text))).toBe(fault));
});

it.each([LENGTH, "HTTP/1.1 204 No Content\n\n"])("refuses octets behind an answer, which nobody asked for", (text) => {
  expect(createAnswerReader(MAX_BODY).read(octets(`${text}HTTP/1.1 200 OK\n\n`))).toBe(
    "is followed by octets that nothing asked for",
  );
});

it("knows whether anything has come", () => {
  const reader = createAnswerReader(MAX_BODY);
  expect(reader.hasBegun()).toBe(false);
  reader.read(Buffer.from("H"));
  expect(reader.hasBegun()).toBe(true);
});

it("reads the same however the octets are cut, and never throws, whatever they are", () => {
  const line = fc.constantFrom(
    ..."HTTP/1.1 200 OK|HTTP/1.0 500|HTTP/1.1 100 Continue|Content-Length: 3|transfer-encoding: chunked|connection: close|3|0|abc|"
      .split("|")
      .map((text) => `${text}\r\n`),
  );
  const noise = fc.uint8Array({ maxLength: 6 }).map((some) => Buffer.from(some).toString("latin1"));
  const answer = fc
    .array(fc.oneof({ weight: 9, arbitrary: line }, noise), { maxLength: 12 })
    .map((parts) => Buffer.from(parts.join(""), "latin1"));
  fc.assert(
    fc.property(answer, fc.array(fc.nat(200), { maxLength: 5 }), (all, places) => {
      const cuts = [0, ...places.map((place) => place % (all.length + 1)).toSorted((a, b) => a - b), all.length];
      const pieces = cuts.slice(1).map((end, index) => all.subarray(cuts[index], end));
      // Where an answer ends before its last octets, those come as something nobody asked for.
      const [whole, cut] = [readIn([all]), readIn(pieces.filter(({ length }) => length > 0))];
      const early = "is complete before its last piece";
      if (cut === early) expect(whole).toBe("is followed by octets that nothing asked for");
      else expect(cut).toEqual(whole);
    }),
    { numRuns: runs(2000) },
  );
});
