/** The answer to one request. Names of headers are in lower case; of one that comes twice the first counts. */
export type ServerAnswer = Readonly<{
  status: number;
  headers: ReadonlyMap<string, string>;
  /** UTF-8. */
  body: string;
  /** Another request may follow on the same connection. */
  keepsOpen: boolean;
}>;

/** What is wrong with an answer, in words that follow "the answer ". */
export type AnswerFault = string;

/**
 * Reads the answer to one request with a body out of a connection's octets (RFC 9112), and with it nothing else: octets beyond
 * it are a fault, since nothing else was asked for. Bounded by MAX_HEAD_OCTETS and `maxBodyOctets`. Never throws.
 */
export type AnswerReader = Readonly<{
  /** @returns undefined: more is to come. After an answer or a fault the reader is of no use any more */
  read(chunk: Buffer): ServerAnswer | AnswerFault | undefined;
  /** The server has ended the connection. */
  end(): ServerAnswer | AnswerFault;
  /** Whether anything of the answer has come. */
  hasBegun(): boolean;
}>;

const MAX_HEAD_OCTETS = 65_536;
const END_OF_LINE = "\r\n";
const END_OF_HEAD = "\r\n\r\n";
/** Hexadecimal, far more than any body may have; what follows a semicolon is for others. (RFC 9112 §7.1, §7.1.1) */
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;.*)?$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: |$)/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*(.*?)[\t ]*$/;

type Head = Readonly<{ status: number; minor: string; headers: ReadonlyMap<string, string> }>;
/** Where the reader stands: what the next octets are. */
type Expected = "head" | "body" | "chunkSize" | "chunk" | "chunkEnd" | "trailers" | "bodyUntilClose";

export function createAnswerReader(maxBodyOctets: number): AnswerReader {
  let expected: Expected = "head";
  let pending: Buffer | undefined; // of a line or head that is not complete. BOUNDED by MAX_HEAD_OCTETS and a chunk
  let head: Head | undefined;
  let left = 0; // octets of the body, or of its chunk
  let octets = 0; // of the body so far
  let hasBegun = false;
  const parts: Buffer[] = []; // BOUNDED by maxBodyOctets

  function finish(from: Head, rest: number): ServerAnswer | AnswerFault {
    if (rest > 0) return "is followed by octets that nothing asked for";
    const { status, minor, headers } = from;
    const [only = Buffer.alloc(0)] = parts;
    const body = (parts.length > 1 ? Buffer.concat(parts) : only).toString("utf8");
    const isClosed = minor === "0" || /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(headers.get("connection") ?? "");
    const keepsOpen = expected !== "bodyUntilClose" && !isClosed;
    return { status, headers, body, keepsOpen };
  }

  /** Takes what is there of the body. @returns how many octets */
  function takeBody(buffer: Buffer, start: number): number {
    const taken = Math.min(left, buffer.length - start);
    if (taken > 0) parts.push(buffer.subarray(start, start + taken));
    left -= taken;
    octets += taken;
    return taken;
  }

  const tooLong = `is longer than ${maxBodyOctets} octets`;

  function takeHead(text: string): AnswerFault | undefined {
    const read = readHead(text);
    if (typeof read === "string") return read;
    if (read.status < 200) return read.status === 101 ? "changes the protocol" : undefined; // the real one follows
    const length = bodyLength(read);
    if (typeof length === "string" && length !== "chunked" && length !== "untilClose") return length;
    head = read;
    expected = length === "chunked" ? "chunkSize" : length === "untilClose" ? "bodyUntilClose" : "body";
    left = typeof length === "number" ? length : length === "untilClose" ? Number.POSITIVE_INFINITY : 0;
    return left > maxBodyOctets && expected === "body" ? tooLong : undefined;
  }

  function takeChunkSize(line: string): AnswerFault | undefined {
    const digits = CHUNK_SIZE.exec(line)?.[1];
    if (digits === undefined) return "has a chunk without a size";
    left = Number.parseInt(digits, 16);
    expected = left === 0 ? "trailers" : "chunk";
    return octets + left > maxBodyOctets ? tooLong : undefined;
  }

  /** What is a line or a head: complete, or undefined until it is. */
  function takeText(buffer: Buffer, start: number, ending: string): string | undefined {
    const end = buffer.indexOf(ending, start, "latin1");
    return end < 0 ? undefined : buffer.toString("latin1", start, end);
  }

  function read(chunk: Buffer): ServerAnswer | AnswerFault | undefined {
    if (chunk.length > 0) hasBegun = true;
    const buffer = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
    pending = undefined;
    let at = 0;
    for (;;) {
      switch (expected) {
        case "body":
        case "bodyUntilClose":
          at += takeBody(buffer, at);
          if (octets > maxBodyOctets) return tooLong;
          return left === 0 && head !== undefined ? finish(head, buffer.length - at) : undefined;
        case "chunk":
          at += takeBody(buffer, at);
          if (left > 0) return undefined;
          expected = "chunkEnd";
          break;
        default: {
          const ending = expected === "head" ? END_OF_HEAD : END_OF_LINE;
          const text = takeText(buffer, at, ending);
          if ((text?.length ?? buffer.length - at) > MAX_HEAD_OCTETS)
            return `has more than ${MAX_HEAD_OCTETS} octets of headers`;
          if (text === undefined) {
            if (at < buffer.length) pending = buffer.subarray(at);
            return undefined;
          }
          at += text.length + ending.length;
          if (expected === "trailers" && text === "" && head !== undefined) return finish(head, buffer.length - at);
          const fault = takeLine(text);
          if (fault !== undefined) return fault;
        }
      }
    }
  }

  function takeLine(text: string): AnswerFault | undefined {
    switch (expected) {
      case "head":
        return takeHead(text);
      case "chunkSize":
        return takeChunkSize(text);
      case "chunkEnd":
        expected = "chunkSize";
        return text === "" ? undefined : "has a chunk that is longer than its size";
      default:
        return undefined; // trailers say nothing that we ask for
    }
  }

  return {
    read,
    end: () => (expected === "bodyUntilClose" && head !== undefined ? finish(head, 0) : "ends before it is complete"),
    hasBegun: () => hasBegun,
  };
}

function readHead(text: string): Head | AnswerFault {
  const [statusLine = "", ...fields] = text.split(END_OF_LINE);
  const [, minor, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (minor === undefined || status === undefined) return "is not HTTP/1.1";
  const headers = new Map<string, string>(); // BOUNDED by MAX_HEAD_OCTETS
  for (const field of fields) {
    const [, name, value] = FIELD_LINE.exec(field) ?? [];
    if (name === undefined || value === undefined) return "has a line among its headers that is none";
    const key = name.toLowerCase();
    const before = headers.get(key);
    if (before === undefined) headers.set(key, value);
    else if (DELIMITING.has(key) && before !== value) return `says twice what its ${key} is`;
  }
  return { status: Number(status), minor, headers };
}

/** Where two of a kind, or both together, would leave open where the answer ends. (RFC 9112 §6.3) */
const DELIMITING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

function bodyLength({ status, headers }: Head): number | "chunked" | "untilClose" | AnswerFault {
  if (status === 204 || status === 304) return 0;
  const encoding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (encoding !== undefined && length !== undefined) return "has both a Content-Length and a Transfer-Encoding";
  if (encoding !== undefined)
    return encoding.toLowerCase() === "chunked" ? "chunked" : "has a Transfer-Encoding that is not chunked";
  if (length === undefined) return "untilClose";
  return /^[0-9]{1,15}$/.test(length) ? Number(length) : "has a Content-Length that is no number";
}
