import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { TextIo } from "../migrate/command.js";
import { decodeText } from "../migrate/decode-text.js";

/** The terminal and the file system, for commands that take all their I/O as arguments. `-` is standard input. */
export function processIo(): TextIo {
  return {
    read: async (file) => decodeText(await (file === "-" ? buffer(process.stdin) : readFile(file))),
    out: (chunk) => void process.stdout.write(chunk),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
}
