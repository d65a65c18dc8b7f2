import { expect, it } from "vitest";
import { MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import { createMessageCounter } from "../../../../src/runtime/bgp/message-counts.js";
import { message, TYPE } from "../../../bgp/wire-update.js";

it("counts messages by direction and type, and NOTIFICATIONs by code, as far as there is room for kinds", () => {
  const { sent, received, counts } = createMessageCounter();
  for (const type of [TYPE.open, TYPE.update, TYPE.update, TYPE.keepalive, TYPE.routeRefresh])
    sent(message(type, [0, 0, 0, 0]));
  sent(message(TYPE.notification, [6, 4, 1, 2]));
  received(MESSAGE_TYPE.update, Uint8Array.of(0, 0, 0, 0));
  for (let subcode = 0; subcode < 200; subcode += 1) received(MESSAGE_TYPE.notification, Uint8Array.of(9, subcode));
  received(MESSAGE_TYPE.notification, Uint8Array.of(9, 0));
  const { notifications, ...totals } = counts();
  expect(totals).toEqual({
    sent: { open: 1, update: 2, notification: 1, keepalive: 1, routeRefresh: 1 },
    received: { open: 0, update: 1, notification: 201, keepalive: 0, routeRefresh: 0 },
  });
  expect(notifications[0]).toEqual({ direction: "sent", errorCode: 6, errorSubcode: 4, count: 1 });
  expect(notifications[1]).toEqual({ direction: "received", errorCode: 9, errorSubcode: 0, count: 2 });
  expect(notifications).toHaveLength(65);
  expect(notifications.at(-1)).toEqual({
    direction: "received",
    errorCode: undefined,
    errorSubcode: undefined,
    count: 137,
  });
});
