// What @kubernetes/client-node takes from node-fetch, in the bundle. Node.js has it, and loads it (for 50 ms) when it is
// first looked at: here not before it is used, which it never is.
export function Headers(init) {
  return new globalThis.Headers(init);
}
export default (resource, init) => globalThis.fetch(resource, init);
