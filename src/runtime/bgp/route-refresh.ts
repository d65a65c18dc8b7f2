import { refuse, succeed, type Result } from "../net/result.js";
import { bgpFault, ERROR_CODE, HEADER_ERROR, type BgpFault } from "./fault.js";
import type { AfiSafi } from "./family.js";
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS, MESSAGE_TYPE } from "./frame.js";
import { uint16Octets } from "./octets.js";

/** RFC 2918 §3; `subtype` 0 asks for the routes, 1 and 2 mark begin and end of an answer. RFC 7313 §3.2 */
export type RouteRefreshMessage = Readonly<AfiSafi & { subtype: number }>;

export const REFRESH_SUBTYPE = { request: 0, beginningOfRefresh: 1, endOfRefresh: 2 } as const;

/** What a NOTIFICATION has room for. */
const MAX_DATA_OCTETS = MAX_MESSAGE_OCTETS - HEADER_OCTETS - 2;

/**
 * Reads the body of a ROUTE-REFRESH; one with a subtype that is not known is to be passed over, whatever its length.
 * @param isEnhanced both sides announced RFC 7313; without it the octet of the subtype is reserved, and read as 0
 * @returns the message, or the fault to answer with where it is not 4 octets. RFC 7313 §5, RFC 4271 §6.1
 */
export function decodeRouteRefresh(body: Uint8Array, isEnhanced: boolean): Result<RouteRefreshMessage, BgpFault> {
  const [high = 0, low = 0, third, safi = 0] = body;
  const subtype = isEnhanced ? (third ?? REFRESH_SUBTYPE.request) : REFRESH_SUBTYPE.request;
  if (body.length === 4 || subtype > REFRESH_SUBTYPE.endOfRefresh) {
    return succeed({ afi: (high << 8) | low, subtype, safi });
  }
  const message = `Cannot accept BGP ROUTE-REFRESH: it has ${body.length} octets, not 4`;
  const length = uint16Octets(HEADER_OCTETS + body.length);
  if (subtype === REFRESH_SUBTYPE.request) {
    return refuse(bgpFault(ERROR_CODE.messageHeader, HEADER_ERROR.badMessageLength, length, message));
  }
  const whole = [...Array<number>(16).fill(0xff), ...length, MESSAGE_TYPE.routeRefresh, ...body];
  return refuse(bgpFault(ERROR_CODE.routeRefreshMessage, 1, whole.slice(0, MAX_DATA_OCTETS), message));
}

export function encodeRouteRefresh({ afi, subtype, safi }: RouteRefreshMessage): Uint8Array {
  return Uint8Array.of(...uint16Octets(afi), subtype, safi);
}
