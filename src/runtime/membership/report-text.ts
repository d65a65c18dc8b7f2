import type { MembershipReport } from "./effects.js";

/** A report as a line of the log: how grave it is, and the sentence. */
export function explainReport(report: MembershipReport): Readonly<{ level: "debug" | "info" | "warn"; text: string }> {
  switch (report.what) {
    case "suspected":
      return {
        level: "info",
        text: `${report.from} gets no answer from ${report.name}, which is suspected to be dead`,
      };
    case "refuted": {
      const by = report.from === undefined ? "" : ` by ${report.from}`;
      if (report.as === "other") return { level: "debug", text: "others knew this speaker by what it was before" };
      return { level: "warn", text: `this speaker was taken for ${report.as}${by}, and says that it lives` };
    }
    case "conflict": {
      const [known, claimed] = [report.known, report.claimed].map(({ address, port }) => `${address} port ${port}`);
      const problem = `two speakers call themselves ${report.name}, at ${known} and ${claimed}`;
      return { level: "warn", text: `${problem}: give each the name of its own Node` };
    }
    case "onlyByStream":
      return {
        level: "warn",
        text: `${report.name} answers by TCP and not by UDP: let UDP through on the port of memberlist`,
      };
    case "foundDead": {
      const { name, silenceMilliseconds, witness } = report;
      const agreed = witness === undefined ? "and nobody else is there to ask" : `nor did ${witness}`;
      const silence = `this speaker heard nothing of ${name} for ${Math.round(silenceMilliseconds)} ms`;
      return { level: "warn", text: `${silence}, ${agreed}: it is dead` };
    }
    case "stalled":
      return { level: "warn", text: `this process stood still for ${report.milliseconds} ms: give it more CPU` };
    case "incompatible":
      return {
        level: "warn",
        text: `what another speaker knows was not taken over: ${report.name} speaks a protocol that not all understand`,
      };
  }
}
