/** The lab's API in one place. */
export { createLab, type Lab, type LabOptions, type LanHost, type Pod } from "./lab.js";
export type { Cable, Match, Rule } from "./cable.js";
export { startAsking, type Asking, type AskedPart } from "./asking.js";
export type { AskedClaim, AskedRecord } from "./asked-record.js";
export type { Capture } from "./capture.js";
export { describeFrame, type Frame } from "./frames.js";
export type { Delay, Delays, Relay } from "./relay.js";
export { startTcpRelay, type TcpRelay } from "./tcp-relay.js";
export { encodeArpRequest, type Wire } from "./wire.js";
export type { Host } from "./host.js";
export type { Ended, LabProcess, SpawnOptions, Usage } from "./process.js";
export type { Page, Served } from "./web.js";
export { within, until, type Deadline } from "./until.js";
export { cacheFolder, repositoryRoot } from "./places.js";
export { startKubernetes, type AuditEntry, type Kubernetes, type KubernetesOptions } from "./kubernetes.js";
export { KubeError, readManifests, type KubeClient, type KubeManifest, type KubeObject } from "./kube-client.js";
export type { Endpoint, KubeObjects, PodSpec, ServicePort } from "./kube-objects.js";
export type { KubeProxy } from "./kube-proxy.js";
