import type { KubernetesDocument } from "../../config/documents.js";
import type { Result } from "../net/result.js";

export type WebhookClock = Readonly<{
  /** The wall clock: milliseconds since the Unix epoch. */
  date(): number;
  /** Runs once after that many milliseconds unless the returned function is called before. */
  setTimer(milliseconds: number, run: () => void): () => void;
}>;

/** The kinds whose objects a review may look at beside the one that it is about. */
export type ListedKind = "IPAddressPool" | "BGPAdvertisement" | "BGPPeer" | "Community" | "ConfigMap";

/**
 * The objects of a kind in the namespace of the configuration as they are now, not as some cache has them.
 * @returns or a sentence that says why they cannot be had
 */
export type ListObjects = (kind: ListedKind) => Promise<Result<readonly KubernetesDocument[], string>>;

/** Why a connection or a request was not answered as a review, in metrics. */
export type WebhookDrop =
  | "tls" // no TLS, or not with us
  | "connections" // there are too many
  | "malformed_http"
  | "slow" // it did not arrive in time
  | "method"
  | "path"
  | "too_large"
  | "memory" // too much is being received at once
  | "unreadable_review"
  | "broken_off"
  | "internal";

export type WebhookCounters = Readonly<{
  /** @param webhook the kind that is validated, or `convert` */
  reviewed(webhook: string, outcome: "allowed" | "denied" | "failed" | "converted"): void;
  dropped(reason: WebhookDrop): void;
}>;
