import { ERROR_CODE, type BgpFault } from "./fault.js";
import type { BgpEffect, PeerOptions, PeerState, Side } from "./fsm-types.js";
import type { Negotiated } from "./negotiate.js";
import { nameNotification, type NotificationMessage } from "./notification.js";

/** How long at least a peer may take nothing of what is sent. RFC 9687 §6 */
const MIN_SEND_HOLD_SECONDS = 480;

/** One attempt or session more that came to nothing, and the wait until our next attempt: it doubles with each. */
export function countFailure(
  { connectRetrySeconds }: PeerOptions,
  { failures, flaps }: PeerState,
  wasEstablished: boolean,
): Readonly<{ failures: number; flaps: number; seconds: number }> {
  const before = wasEstablished ? flaps : failures + 1;
  return {
    failures: wasEstablished ? 0 : failures + 1,
    flaps: wasEstablished ? flaps + 1 : flaps,
    seconds: before === 0 ? 0 : Math.min(2 ** (before - 1), connectRetrySeconds),
  };
}

export function retryTimer(seconds: number): BgpEffect {
  return { do: "startTimer", timer: "ConnectRetryTimer", seconds, jitter: true };
}

export function holdTimer(side: Side, { holdTimeSeconds }: Negotiated): readonly BgpEffect[] {
  if (holdTimeSeconds === 0) return [];
  return [{ do: "startTimer", timer: "HoldTimer", side, seconds: holdTimeSeconds, jitter: false }];
}

/** A random quarter less would be more than one KEEPALIVE a second where the interval is short. RFC 4271 §4.4 */
export function keepaliveTimer(side: Side, { keepaliveTimeSeconds }: Negotiated): readonly BgpEffect[] {
  if (keepaliveTimeSeconds === 0) return [];
  const jitter = keepaliveTimeSeconds * 0.75 >= 1;
  return [{ do: "startTimer", timer: "KeepaliveTimer", side, seconds: keepaliveTimeSeconds, jitter }];
}

/** Without a hold time there is none of this either. RFC 9687 §4.3, §6 */
export function sendHoldTimer(side: Side, { holdTimeSeconds }: Negotiated): readonly BgpEffect[] {
  if (holdTimeSeconds === 0) return [];
  const seconds = Math.max(MIN_SEND_HOLD_SECONDS, 2 * holdTimeSeconds);
  return [{ do: "startTimer", timer: "SendHoldTimer", side, seconds, jitter: false }];
}

export function cease(errorSubcode: number): NotificationMessage {
  return notificationOf(ERROR_CODE.cease, errorSubcode);
}

export function notificationOf(errorCode: number, errorSubcode: number): NotificationMessage {
  return { errorCode, errorSubcode, data: new Uint8Array() };
}

export function notificationOfFault({ errorCode, errorSubcode, data }: BgpFault): NotificationMessage {
  return { errorCode, errorSubcode, data };
}

export function describeFailure(reason: string): string {
  return `the connection failed: ${reason}`;
}

/** How the reason begins where the peer has given one: a NOTIFICATION of its own. */
export const ENDED_BY_PEER = "the peer ended the session";

export function describeNotification(notification: NotificationMessage): string {
  const words =
    notification.communication === undefined ? "" : `, in the operator's words: ${notification.communication}`;
  return `${ENDED_BY_PEER}: ${nameNotification(notification)}${words}`;
}
