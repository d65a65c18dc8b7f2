/** What FRR's daemons need where FRR is not installed: users that they give up their rights to, and somebody to talk to. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { routersFolder } from "./places.js";

export const frrProgram = (name: string): string => join(routersFolder(), "usr/lib/frr", name);

export function frrEnv(): Readonly<Record<string, string>> {
  const libraries = join(routersFolder(), "usr/lib/x86_64-linux-gnu");
  return { LD_LIBRARY_PATH: `${libraries}:${join(libraries, "frr")}` };
}

/** A command that finds the users and groups of FRR, in a mount namespace of its own. @param folder for the files */
export async function withFrrUsers(folder: string, argv: readonly string[]): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  for (const [file, line] of [
    ["passwd", (name: string) => `${name}:x:64999:64999::/:/bin/false\n`],
    ["group", (name: string) => `${name}:x:64999:root\n`],
  ] as const) {
    const known = await readFile(`/etc/${file}`, "utf8");
    await writeFile(join(folder, file), `${known}${["frr", "frrvty"].map(line).join("")}`);
  }
  const mounts = ["passwd", "group"].map((file) => `mount --bind ${join(folder, file)} /etc/${file}`).join(" && ");
  return ["unshare", "--mount", "sh", "-c", `${mounts} && exec "$@"`, "sh", ...argv];
}

/** Octets behind each answer, before one with the result. */
const END = Buffer.of(0, 0, 0);

/**
 * Says commands to a daemon by its socket, as vtysh does, which itself wants a PAM service.
 * @returns what it answers to the last one
 */
export async function askFrr(socketFile: string, commands: readonly string[]): Promise<string> {
  const socket = connect(socketFile);
  try {
    let answer = "";
    for (const command of ["enable", ...commands]) {
      answer = await new Promise((resolve, reject) => {
        let heard = Buffer.alloc(0);
        socket.once("error", reject);
        socket.on("data", (octets: Buffer) => {
          heard = Buffer.concat([heard, octets]);
          if (heard.length < 4 || !heard.subarray(-4, -1).equals(END)) return;
          socket.removeAllListeners();
          const text = heard.subarray(0, -4).toString();
          if (heard.at(-1) === 0) resolve(text);
          else reject(new Error(`Cannot ask FRR "${command}": result ${heard.at(-1)}: ${text}`));
        });
        socket.write(`${command}\0`);
      });
    }
    return answer;
  } finally {
    socket.destroy();
  }
}
