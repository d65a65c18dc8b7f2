// What @kubernetes/client-node takes from node-fetch, in the bundle: Node.js has it.
export const { Headers } = globalThis;
export default globalThis.fetch;
