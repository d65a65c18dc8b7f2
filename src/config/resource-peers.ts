import type { IpAddress } from "../runtime/net/address.js";
import { parseAddress } from "../runtime/net/address.js";
import { basicAuthPassword } from "./basic-auth.js";
import type { KubernetesDocument } from "./documents.js";
import { parseGoDuration, wholeSeconds } from "../runtime/net/go-duration.js";
import { pointerTo } from "./json-pointer.js";
import { anyOfSelectors } from "./label-selector.js";
import type { BfdProfile, Peer } from "./model.js";
import { Password } from "./password.js";
import type { Place } from "./place.js";
import type { Findings, ResourceContext } from "./resource-context.js";
import { readSelectors, specReader } from "./resource-context.js";
import type { BfdProfileSpec, BgpPeerSpec } from "./resource-schemas.js";
import { bfdProfileSchema, bgpPeerSchema, bgpPeerV1Beta1Schema } from "./resource-schemas.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";

export type ResourcePeer = Readonly<{ peer: Peer; place: Place }>;
export type ResourceBfdProfile = Readonly<{ profile: BfdProfile; place: Place }>;

/** What a peer may refer to, in its own namespace. */
export type PeerReferences = Readonly<{
  secrets: ReadonlyMap<string, KubernetesDocument>;
  bfdProfiles: ReadonlySet<string>;
}>;

const DEFAULT_HOLD_TIME = 90_000_000_000n; // nanoseconds
const ADDRESS_REMEDY = "write one IPv4 or IPv6 address, without prefix length, zone or host name";
const DURATION_REMEDY = "write 0s, or a duration of 3s and more with its unit, as in 90s";

const readPeerSpec = specReader<BgpPeerSpec>(bgpPeerSchema);
const readOlderPeerSpec = specReader<BgpPeerSpec>(bgpPeerV1Beta1Schema);
const readBfdSpec = specReader<BfdProfileSpec>(bfdProfileSchema);

export function readBfdProfile(document: KubernetesDocument, findings: Findings): ResourceBfdProfile {
  const { spec, context } = readBfdSpec(document, findings);
  const { receiveInterval, transmitInterval, detectMultiplier, echoInterval, minimumTtl } = spec;
  const profile: BfdProfile = {
    name: document.name,
    ...(receiveInterval !== undefined && { receiveIntervalMs: receiveInterval }),
    ...(transmitInterval !== undefined && { transmitIntervalMs: transmitInterval }),
    ...(detectMultiplier !== undefined && { detectMultiplier }),
    ...(echoInterval !== undefined && { echoIntervalMs: echoInterval }),
    echoMode: spec.echoMode ?? false,
    passiveMode: spec.passiveMode ?? false,
    ...(minimumTtl !== undefined && { minimumTtl }),
  };
  return { profile, place: context.place };
}

/** Reads a BGPPeer of either version; a port of 0 is the default one. */
export function readBgpPeer(
  document: KubernetesDocument,
  references: PeerReferences,
  findings: Findings,
): ResourcePeer | undefined {
  const isOlder = document.apiVersion.endsWith("/v1beta1");
  const { spec, context } = isOlder ? readOlderPeerSpec(document, findings) : readPeerSpec(document, findings);
  const peerAsn = readPeerAsn(spec, context);
  const target = readTarget(spec, context);
  const sourceAddress = readAddress(spec, "sourceAddress", context);
  const routerId = readRouterId(spec, context);
  const timers = readTimers(spec, context);
  if (isOlder) remarkOnOlderPeer(spec, timers, context);
  const connectTimeSeconds = readConnectTime(spec, context);
  const password = readPassword(spec, references, context);
  const { bfdProfile = "", localASN: localAsn = 0 } = spec;
  if (bfdProfile !== "" && !references.bfdProfiles.has(bfdProfile)) {
    const remedy = "name a BFDProfile of the same namespace, or make one of this name";
    const problem = "is not the name of a BFDProfile";
    context.refuseForNow("/spec/bfdProfile", bfdProfile, problem, remedy, "bfd-profile-undefined");
  }
  const nodeSelectors = anyOfSelectors(readSelectors(spec.nodeSelectors ?? [], "/spec/nodeSelectors", context));
  if (spec.myASN === undefined || peerAsn === undefined || target === undefined) return undefined;
  const peer: Peer = {
    name: document.name,
    myAsn: spec.myASN,
    peerAsn,
    ...target,
    port: spec.peerPort || 179,
    ...(sourceAddress !== undefined && { sourceAddress }),
    ...timers,
    ...(connectTimeSeconds !== undefined && { connectTimeSeconds }),
    ...(routerId !== undefined && { routerId }),
    ...(localAsn !== 0 && { localAsn }),
    nodeSelectors,
    ...(password !== undefined && { password }),
    ...(bfdProfile !== "" && { bfdProfile }),
    ebgpMultiHop: spec.ebgpMultiHop ?? false,
    vrf: spec.vrf ?? "",
    gracefulRestart: spec.enableGracefulRestart ?? false,
    dualStackAddressFamily: spec.dualStackAddressFamily ?? false,
    disableMP: spec.disableMP ?? false,
  };
  return { peer, place: context.place };
}

/** What v1beta1 did not have. */
const NEWER_PEER_KEYS: ReadonlySet<string> = new Set([
  "dynamicASN",
  "localASN",
  "interface",
  "connectTime",
  "passwordSecret",
  "enableGracefulRestart",
  "vrf",
  "disableMP",
  "dualStackAddressFamily",
]);

/** What an object of v1beta1 says that releases took in unlike ways. */
function remarkOnOlderPeer(
  spec: BgpPeerSpec,
  { holdTimeSeconds }: Pick<Peer, "holdTimeSeconds">,
  context: ResourceContext,
): void {
  for (const key of Object.keys(spec)) {
    if (!NEWER_PEER_KEYS.has(key)) continue;
    const problem = "is a key that v1beta1 did not have: MetalLB dropped it, and here it counts";
    context.remark("generation", pointerTo("/spec", key), HIDDEN_VALUE, problem, "write metallb.io/v1beta2");
  }
  if (spec.holdTime !== undefined && holdTimeSeconds === 0) {
    const problem = "keeps the session without keepalives, and releases before v0.14.9 took it for 90s";
    context.remark("generation", "/spec/holdTime", spec.holdTime, problem, "write the hold time that is meant");
  }
}

function readPeerAsn(spec: BgpPeerSpec, context: ResourceContext): Peer["peerAsn"] | undefined {
  const { myASN, peerASN = 0, dynamicASN = "", ebgpMultiHop = false } = spec;
  if ((peerASN === 0) === (dynamicASN === "")) {
    if (context.isRefused("/spec/peerASN") || context.isRefused("/spec/dynamicASN")) return undefined;
    const problem = peerASN === 0 ? "is missing, and so is dynamicASN" : "is given beside dynamicASN";
    context.refuse("/spec/peerASN", spec.peerASN, problem, "write one of peerASN and dynamicASN");
    return undefined;
  }
  if (ebgpMultiHop && peerASN === myASN) {
    const remedy = "remove it: a session within one AS crosses routers anyway";
    context.refuse("/spec/ebgpMultiHop", true, "is for peers of another AS, and this one is of the same", remedy);
  }
  return dynamicASN === "" ? peerASN : dynamicASN;
}

function readTarget(spec: BgpPeerSpec, context: ResourceContext): Pick<Peer, "address" | "interface"> | undefined {
  const { peerAddress = "", interface: interfaceName = "" } = spec;
  if ((peerAddress === "") === (interfaceName === "")) {
    if (context.isRefused("/spec/peerAddress") || context.isRefused("/spec/interface")) return undefined;
    const problem = peerAddress === "" ? "is missing, and so is interface" : "is given beside interface";
    context.refuse("/spec/peerAddress", spec.peerAddress, problem, "write one of peerAddress and interface");
    return undefined;
  }
  if (interfaceName !== "") return { interface: interfaceName };
  const address = readAddress(spec, "peerAddress", context);
  return address === undefined ? undefined : { address };
}

function readAddress(
  spec: BgpPeerSpec,
  field: "peerAddress" | "sourceAddress" | "routerID",
  context: ResourceContext,
): IpAddress | undefined {
  const text = spec[field] ?? "";
  if (text === "") return undefined;
  const address = parseAddress(text);
  if (address === undefined) context.refuse(`/spec/${field}`, text, "is no address", ADDRESS_REMEDY);
  return address;
}

/** A BGP identifier has 4 octets (RFC 4271 §4.2), so an IPv6 address cannot be one. */
function readRouterId(spec: BgpPeerSpec, context: ResourceContext): IpAddress | undefined {
  const routerId = readAddress(spec, "routerID", context);
  if (routerId?.family !== "ipv6") return routerId;
  const remedy = "write an IPv4 address, or remove it: the identifier is then chosen automatically";
  context.remark("ignored", "/spec/routerID", spec.routerID, "is an IPv6 address and cannot be an identifier", remedy);
  return undefined;
}

/** One of the two times gives the other: a keepalive every third of the hold time. RFC 4271 §10 */
function readTimers(
  spec: BgpPeerSpec,
  context: ResourceContext,
): Pick<Peer, "holdTimeSeconds" | "keepaliveTimeSeconds"> {
  const written = readDuration(spec, "holdTime", context);
  const keepaliveTime = readDuration(spec, "keepaliveTime", context);
  const holdTime = written ?? (keepaliveTime === undefined ? DEFAULT_HOLD_TIME : 3n * keepaliveTime);
  const holdTimeSeconds = wholeSeconds(holdTime);
  if (holdTimeSeconds < 3 && holdTimeSeconds !== 0) {
    const field = written === undefined ? "keepaliveTime" : "holdTime";
    const problem = "makes a hold time that is neither 0 nor at least 3 seconds";
    context.refuse(`/spec/${field}`, spec[field], problem, DURATION_REMEDY);
  }
  if (keepaliveTime === undefined) return { holdTimeSeconds };
  if (keepaliveTime > holdTime) {
    const problem = `is longer than the hold time of ${holdTimeSeconds} s`;
    context.refuse("/spec/keepaliveTime", spec.keepaliveTime, problem, "write at most a third of it");
  }
  if (keepaliveTime < 0n) {
    const remedy = "remove it: a third of the hold time is used";
    context.remark("ignored", "/spec/keepaliveTime", spec.keepaliveTime, "is negative and cannot be used", remedy);
    return { holdTimeSeconds };
  }
  return { holdTimeSeconds, keepaliveTimeSeconds: wholeSeconds(keepaliveTime) };
}

function readConnectTime(spec: BgpPeerSpec, context: ResourceContext): number | undefined {
  const text = spec.connectTime ?? "";
  if (text === "") return undefined;
  const duration = parseGoDuration(text);
  const seconds = duration.ok ? wholeSeconds(duration.value) : 0;
  const isWhole = duration.ok && duration.value === BigInt(seconds) * 1_000_000_000n;
  if (isWhole && seconds >= 1 && seconds <= 65_535) return seconds;
  const remedy = "write whole seconds, as in 10s";
  context.refuse("/spec/connectTime", text, "is no whole number of seconds from 1 to 65535", remedy);
  return undefined;
}

/** Nanoseconds; undefined where nothing is written or what is written is refused. */
function readDuration(
  spec: BgpPeerSpec,
  field: "holdTime" | "keepaliveTime",
  context: ResourceContext,
): bigint | undefined {
  const text = spec[field];
  if (text === undefined) return undefined;
  const duration = parseGoDuration(text);
  if (duration.ok) return duration.value;
  context.refuse(`/spec/${field}`, text, duration.fault, DURATION_REMEDY);
  return undefined;
}

function readPassword(spec: BgpPeerSpec, { secrets }: PeerReferences, context: ResourceContext): Password | undefined {
  const { password = "", passwordSecret } = spec;
  const { name = "", namespace = "" } = passwordSecret ?? {};
  if (namespace !== "" && context.namespace !== "" && namespace !== context.namespace) {
    const problem = "is not looked at: a Secret is read from the namespace of its peer";
    context.remark("ignored", "/spec/passwordSecret/namespace", namespace, problem, "remove it");
  }
  if (name === "") return password === "" ? undefined : new Password(password);
  const path = "/spec/passwordSecret/name";
  if (password !== "") {
    context.refuse(path, name, "is given beside a password", "remove one of password and passwordSecret");
    return undefined;
  }
  const secret = secrets.get(name);
  if (secret === undefined) {
    const remedy = "make a Secret of type kubernetes.io/basic-auth with this name";
    context.refuseForNow(path, name, "is not the name of a Secret in this namespace", remedy);
    return undefined;
  }
  const read = basicAuthPassword(secret);
  if (read.ok) {
    if (read.value !== undefined) return read.value;
    const remedy = "write the password there, or remove passwordSecret";
    context.remark("ignored", path, name, "names a Secret with an empty password: the session has none", remedy);
    return undefined;
  }
  context.refuse(path, name, read.fault.problem, read.fault.remedy);
  return undefined;
}
