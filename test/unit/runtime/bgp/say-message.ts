import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import type { AttributeContext } from "../../../../src/runtime/bgp/decode-attribute.js";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { MESSAGE_TYPE, type MessageType } from "../../../../src/runtime/bgp/frame.js";
import { decodeNotification, nameNotification } from "../../../../src/runtime/bgp/notification.js";
import { decodeOpen } from "../../../../src/runtime/bgp/open.js";
import type { PathAttribute } from "../../../../src/runtime/bgp/path-attribute.js";
import { decodeRouteRefresh } from "../../../../src/runtime/bgp/route-refresh.js";
import { formatAddress, formatPrefix } from "../../../../src/runtime/net/address.js";
import { toHex } from "./hex.js";

/** What a message says, all of it, in lines that people can check. A fault is a line that begins with `fault`. */
export function sayMessage(type: MessageType, body: Uint8Array, context: AttributeContext): readonly string[] {
  switch (type) {
    case MESSAGE_TYPE.open: {
      const open = decodeOpen(body);
      if (!open.ok) return [`fault ${open.fault.message}`];
      const { myAs, holdTimeSeconds, bgpIdentifier, capabilities } = open.value;
      const head = `AS ${myAs}, hold time ${holdTimeSeconds} s, identifier ${formatAddress(bgpIdentifier)}`;
      return [head, ...capabilities.map(sayCapability)];
    }
    case MESSAGE_TYPE.update:
      return sayUpdate(body, context);
    case MESSAGE_TYPE.notification: {
      const message = decodeNotification(body);
      const words = message.communication === undefined ? [] : [`in words: ${message.communication}`];
      return [
        nameNotification(message),
        ...(message.data.length === 0 ? [] : [`data ${toHex(message.data)}`]),
        ...words,
      ];
    }
    case MESSAGE_TYPE.keepalive:
      return [];
    case MESSAGE_TYPE.routeRefresh: {
      const refresh = decodeRouteRefresh(body, true);
      if (!refresh.ok) return [`fault ${refresh.fault.message}`];
      const { afi, safi, subtype } = refresh.value;
      return [`refresh of ${afi}/${safi}, subtype ${subtype}`];
    }
  }
}

function sayCapability(one: Capability): string {
  switch (one.kind) {
    case "multiprotocol":
      return `multiprotocol ${one.afi}/${one.safi}`;
    case "routeRefresh":
    case "enhancedRouteRefresh":
    case "extendedMessage":
      return one.kind;
    case "extendedNextHop":
      return `extendedNextHop ${one.entries.map(({ afi, safi, nextHopAfi }) => `${afi}/${safi} by ${nextHopAfi}`).join()}`;
    case "fourOctetAs":
      return `fourOctetAs ${one.asn}`;
    case "gracefulRestart": {
      const flags = `${one.restarting ? " restarting" : ""}${one.notification ? " notification" : ""}`;
      const families = one.families.map(
        (each) => ` ${each.afi}/${each.safi}${each.forwardingPreserved ? " kept" : ""}`,
      );
      return `gracefulRestart ${one.restartTimeSeconds} s${flags}${families.join("")}`;
    }
    case "unknown":
      return `capability ${one.code} ${toHex(one.value)}`.trimEnd();
  }
}

function sayUpdate(body: Uint8Array, context: AttributeContext): readonly string[] {
  const decoded = decodeUpdate(body, context);
  if (decoded.kind === "sessionReset") return [`fault ${decoded.problem}`];
  const faults = decoded.problems.map(({ problem }) => `fault ${problem}`);
  if (decoded.kind === "treatAsWithdraw")
    return [...faults, ...decoded.withdrawnRoutes.map((one) => `-${formatPrefix(one)}`)];
  const { withdrawnRoutes, pathAttributes, nlri } = decoded.update;
  return [
    ...faults,
    ...withdrawnRoutes.map((one) => `-${formatPrefix(one)}`),
    ...pathAttributes.map(sayAttribute),
    ...nlri.map((one) => `+${formatPrefix(one)}`),
  ];
}

function sayAttribute(one: PathAttribute): string {
  switch (one.name) {
    case "origin":
      return `origin ${one.origin}`;
    case "asPath":
    case "as4Path":
      return [one.name, ...one.segments.map(({ type, asns }) => `${type}: ${asns.join(" ")}`)].join(" ");
    case "nextHop":
    case "originatorId":
      return `${one.name} ${formatAddress(one.address)}`;
    case "multiExitDisc":
    case "localPref":
      return `${one.name} ${one.value}`;
    case "atomicAggregate":
      return one.name;
    case "aggregator":
    case "as4Aggregator":
      return `${one.name} ${one.asn} ${formatAddress(one.address)}`;
    case "communities":
      return `communities ${one.communities.map((each) => `${each >>> 16}:${each & 0xffff}`).join(" ")}`;
    case "largeCommunities":
      return `largeCommunities ${one.communities.map((each) => each.join(":")).join(" ")}`;
    case "clusterList":
      return `clusterList ${one.addresses.map(formatAddress).join(" ")}`;
    case "extendedCommunities":
      return `extendedCommunities ${toHex(one.octets)}`;
    case "mpReachNlri": {
      const hops = one.nextHops.map(formatAddress).join(" ");
      return `${one.nlri.map((each) => `+${formatPrefix(each)}`).join(" ")} by ${hops}`;
    }
    case "mpUnreachNlri":
      return ["mpUnreachNlri", one.family, ...one.withdrawnRoutes.map((each) => `-${formatPrefix(each)}`)].join(" ");
    case "otherFamily":
      return `${one.attribute} of ${one.afi}/${one.safi}`;
    case "unknown":
      return `attribute ${one.code} ${one.flags.toString(16)} ${toHex(one.value)}`;
  }
}
