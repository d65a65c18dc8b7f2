import { HEADER_OCTETS, MESSAGE_TYPE, type MessageType } from "./frame.js";

export type MessageName = keyof typeof MESSAGE_TYPE;

/** NOTIFICATIONs of one kind; both numbers are undefined for all kinds together that came when there were too many. */
export type NotificationCount = Readonly<{
  direction: "sent" | "received";
  errorCode: number | undefined;
  errorSubcode: number | undefined;
  count: number;
}>;

/** What has gone to and fro since the beginning, session by session. */
export type MessageCounts = Readonly<{
  sent: Readonly<Record<MessageName, number>>;
  received: Readonly<Record<MessageName, number>>;
  notifications: readonly NotificationCount[];
}>;

/** A peer may make up 65,536 kinds of NOTIFICATIONs; there are some forty. */
const MAX_KINDS = 64;

export function createMessageCounter(): Readonly<{
  sent(message: Uint8Array): void;
  /** @param body that of a message of this type */
  received(type: MessageType, body: Uint8Array): void;
  counts(): MessageCounts;
}> {
  const totals = { sent: none(), received: none() };
  const kinds = new Map<string, { -readonly [Field in keyof NotificationCount]: NotificationCount[Field] }>(); // BOUNDED by MAX_KINDS and one for each direction

  function count(direction: "sent" | "received", type: number, body: Uint8Array): void {
    const name = NAMES[type];
    if (name === undefined) return;
    totals[direction][name] += 1;
    if (name !== "notification") return;
    const [errorCode, errorSubcode] = body;
    const key = `${direction} ${errorCode} ${errorSubcode}`;
    const known = kinds.get(key) ?? (kinds.size < MAX_KINDS ? undefined : kinds.get(direction));
    if (known !== undefined) known.count += 1;
    else if (kinds.size < MAX_KINDS) kinds.set(key, { direction, errorCode, errorSubcode, count: 1 });
    else kinds.set(direction, { direction, errorCode: undefined, errorSubcode: undefined, count: 1 });
  }

  return {
    sent: (message) => count("sent", message[HEADER_OCTETS - 1] ?? 0, message.subarray(HEADER_OCTETS)),
    received: (type, body) => count("received", type, body),
    counts: () => ({
      sent: { ...totals.sent },
      received: { ...totals.received },
      notifications: Array.from(kinds.values(), (kind) => Object.freeze({ ...kind })),
    }),
  };
}

const NAMES: Readonly<Record<number, MessageName>> = Object.fromEntries(
  Object.entries(MESSAGE_TYPE).map(([name, type]) => [type, name as MessageName]),
);

function none(): Record<MessageName, number> {
  return { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0 };
}
