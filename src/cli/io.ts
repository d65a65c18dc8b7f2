import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { TextIo } from "../migrate/command.js";

/** The terminal and the file system, for commands that take all their I/O as arguments. `-` is standard input. */
export function processIo(): TextIo {
  return {
    read: (file) => (file === "-" ? text(process.stdin) : readFile(file, "utf8")),
    out: (chunk) => void process.stdout.write(chunk),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
}
