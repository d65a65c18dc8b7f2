import { refuse } from "../net/result.js";
import type { ApiCall, ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";

/**
 * A client that changes nothing on the server while `mayWrite()` is false: such requests end as "cancelled" without
 * having been sent. Questions about our own permissions are asked all the same.
 */
export function gateWrites(client: ApiClient, mayWrite: () => boolean): ApiClient {
  const isOpen = ({ method, path }: ApiCall): boolean =>
    method === "GET" || path.startsWith("/apis/authorization.k8s.io/") || mayWrite();
  return {
    ...client,
    request: async (call) => (isOpen(call) ? client.request(call) : refuse(closedGate(call))),
    requestText: async (call) => (isOpen(call) ? client.requestText(call) : refuse(closedGate(call))),
  };
}

function closedGate({ method, path }: ApiCall): ApiFailure {
  const message = `Cannot ${method} ${path.split("?", 1)[0]}: it is another controller's turn to write`;
  return { kind: "cancelled", message };
}
