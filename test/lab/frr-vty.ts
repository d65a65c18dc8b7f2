/** How one talks to the daemons of FRR, and who they want to be, where FRR is not installed. */
import { connect } from "node:net";

/** Users, and groups of the same names, that they give up their rights to. */
export const FRR_USERS = ["frr", "frrvty"] as const;

/** Octets behind each answer, before one with the result. */
const END = Buffer.of(0, 0, 0);

/** Says commands to a daemon as vtysh does, which itself wants a PAM service. @returns what it answers to the last one */
export async function askVty(socketFile: string, commands: readonly string[]): Promise<string> {
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
