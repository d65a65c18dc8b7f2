import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { deriveKeyRing, type KeyRing } from "./membership/keys.js";
import { readParametersFile } from "./membership/parameters-file.js";
import type { MembershipParameters } from "./membership/parameters.js";
import {
  PARAMETERS_FILE,
  readMembershipSettings,
  type MembershipFlags,
  type MembershipSettings,
} from "./membership/settings.js";
import { HIDDEN_VALUE, type Fault } from "./net/fault.js";
import { refuse, succeed, type Result } from "./net/result.js";
import type { MembershipPorts } from "./speaker/membership-ports.js";
import { monotonicMilliseconds, startTimer } from "./transport/clock.js";
import { openMembershipPackets } from "./transport/membership-packets.js";
import { dialMembershipStream, listenMembershipStreams } from "./transport/membership-streams.js";

/** Gossip on real sockets, in real time. */
export const membershipPorts: MembershipPorts = {
  now: monotonicMilliseconds,
  startTimer,
  randomOctets: randomBytes,
  openPackets: openMembershipPackets,
  listenStreams: listenMembershipStreams,
  dialStream: dialMembershipStream,
};

/** All that createMembership() wants to be told, but for the name of the Node. */
export type MembershipInputs = Readonly<{
  settings: MembershipSettings;
  parameters: MembershipParameters;
  keys: KeyRing;
}>;

/**
 * Reads flags, environment and the files that they name, as the releases do at their start.
 * @param parametersFile counts where it exists
 * @returns undefined where gossip is off; all faults at once, a secret that cannot be read among them
 */
export async function loadMembership(
  flags: MembershipFlags,
  environment: Readonly<Record<string, string | undefined>>,
  parametersFile: string = PARAMETERS_FILE,
): Promise<Result<MembershipInputs | undefined, readonly Fault[]>> {
  const settings = readMembershipSettings(flags, environment);
  if (!settings.ok) return settings;
  if (settings.value === undefined) return succeed(undefined);
  const { secretFile, keyGeneration } = settings.value;
  const [secret, file] = await Promise.all([
    secretFile === undefined ? settings.value.secret : readOrExplain(secretFile),
    readOrExplain(parametersFile),
  ]);
  const faults: Fault[] = [];
  if (typeof secret === "string") {
    const [problem, remedy] = [`cannot be read (${secret})`, "mount the Secret memberlist there, or give no folder"];
    faults.push({ object: `file ${secretFile}`, path: "", value: HIDDEN_VALUE, problem, remedy });
  }
  let { parameters } = settings.value;
  if (typeof file !== "string") {
    const read = readParametersFile(new TextDecoder().decode(file), parametersFile);
    if (read.ok) parameters = read.value;
    else faults.push(...read.fault);
  } else if (file !== "ENOENT") {
    const [problem, remedy] = [`cannot be read (${file})`, "let this process read it, or take it away"];
    faults.push({ object: `file ${parametersFile}`, path: "", value: HIDDEN_VALUE, problem, remedy });
  }
  if (faults.length > 0 || typeof secret === "string") return refuse(faults);
  return succeed({ settings: settings.value, parameters, keys: deriveKeyRing(secret ?? NOTHING, keyGeneration) });
}

const NOTHING = new Uint8Array(0);

/** The octets of a file, or the code of errno(3) that says why there are none. */
async function readOrExplain(file: string): Promise<Uint8Array | string> {
  try {
    return await readFile(file);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
