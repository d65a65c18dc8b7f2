/** Attributes of an UPDATE and a route, in hex, and the contexts in which they are read. RFC 4271 §4.3 */
export const INTERNAL = { fourOctetAs: true, isInternal: true };
export const EXTERNAL = { fourOctetAs: true, isInternal: false };
export const ORIGIN = "40 01 01 00";
export const AS_PATH = "40 02 06 0201 0000fc00";
export const NEXT_HOP = "40 03 04 0a000001";
export const ROUTE = "20 c0000201"; // 192.0.2.1/32
export const MANDATORY = `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`;
