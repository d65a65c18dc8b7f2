import { canonicalAddress } from "../net/address.js";
import type { Fault } from "../net/fault.js";
import { refuse, succeed, type Result } from "../net/result.js";
import type { KeyGeneration } from "./keys.js";
import { LAN_PARAMETERS, WAN_PARAMETERS, type MembershipParameters } from "./parameters.js";

/** Where v0.16 mounts the file that readParametersFile() reads; it counts where it exists. */
export const PARAMETERS_FILE = "/etc/metallb/memberlist/config.json";
export const DEFAULT_PORT = 7946;

/** As typed on the command line; what is left out comes from the environment. */
export type MembershipFlags = Readonly<{
  "ml-bindaddr"?: string | undefined;
  "ml-bindport"?: string | undefined;
  "ml-labels"?: string | undefined;
  "ml-secret-key-path"?: string | undefined;
  "ml-secret-key"?: string | undefined;
  "ml-wan-config"?: boolean | undefined;
}>;

/**
 * How a speaker takes part in gossip. `secretFile` is to be read as octets, which are the secret as they are;
 * `keyGeneration` is the one whose manifests say things so, a guess at who the others are.
 */
export type MembershipSettings = Readonly<{
  bindAddress: string;
  port: number;
  /** A selector of the speakers' Pods. */
  labels: string;
  /** Of the speakers' Pods; undefined: the Pod's own. */
  namespace: string | undefined;
  secretFile: string | undefined;
  /** The secret itself. Undefined with a file, and where there is none: then nothing is encrypted. */
  secret: Uint8Array | undefined;
  keyGeneration: KeyGeneration;
  /** Where there is no file of parameters. */
  parameters: MembershipParameters;
}>;

const VARIABLES = {
  "ml-bindaddr": "METALLB_ML_BIND_ADDR",
  "ml-bindport": "METALLB_ML_BIND_PORT",
  "ml-labels": "METALLB_ML_LABELS",
  "ml-secret-key-path": "METALLB_ML_SECRET_KEY_PATH",
  "ml-secret-key": "METALLB_ML_SECRET_KEY",
} as const;

/**
 * Reads flags and environment of all generations: v0.9 names a namespace, releases to v0.13.8 give the secret itself, later
 * ones the folder it is mounted at.
 * @returns undefined where gossip is off, since no address or no labels are given; all faults at once
 */
export function readMembershipSettings(
  flags: MembershipFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Result<MembershipSettings | undefined, readonly Fault[]> {
  const read = (name: keyof typeof VARIABLES) => {
    const flag = flags[name];
    const text = flag ?? environment[VARIABLES[name]] ?? "";
    return { text, object: flag === undefined ? `environment variable ${VARIABLES[name]}` : `flag --${name}` };
  };
  const [address, port, labels] = [read("ml-bindaddr"), read("ml-bindport"), read("ml-labels")];
  if (address.text === "" || labels.text === "") return succeed(undefined);
  const faults: Fault[] = [];
  const bindAddress = canonicalAddress(address.text);
  if (bindAddress === undefined) {
    const [problem, remedy] = ["is no address", "write an IPv4 or IPv6 address of this node"];
    faults.push({ object: address.object, path: "value", value: address.text, problem, remedy });
  }
  const number = port.text === "" ? DEFAULT_PORT : readPort(port.text);
  if (number === undefined) {
    const [problem, remedy] = ["is no port", "write a whole number of 1 to 65535"];
    faults.push({ object: port.object, path: "value", value: port.text, problem, remedy });
  }
  const [folder, secret] = [read("ml-secret-key-path"), read("ml-secret-key")];
  if (bindAddress === undefined || number === undefined || faults.length > 0) return refuse(faults);
  const hasFile = folder.text !== "";
  return succeed({
    bindAddress,
    port: number,
    labels: labels.text,
    namespace: environment["METALLB_ML_NAMESPACE"] || undefined,
    secretFile: hasFile ? `${folder.text.replace(/\/+$/, "")}/secretkey` : undefined,
    secret: hasFile || secret.text === "" ? undefined : new TextEncoder().encode(secret.text),
    keyGeneration: !hasFile && secret.text !== "" ? "old" : "new",
    parameters: flags["ml-wan-config"] === true ? WAN_PARAMETERS : LAN_PARAMETERS,
  });
}

function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
