import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../net/logger.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { isPair, readCertificates, readPrivateKey, type PemPair } from "./certificate.js";
import type { WebhookClock } from "./ports.js";

const LOOK_MILLISECONDS = 10_000; // the node brings changes of a Secret's files within a minute or so

/**
 * Shows the certificate that somebody else keeps in files, and each next one that comes. Files that do not belong
 * together are passed over: they are changed one after the other.
 * @returns a function that ends it
 */
export function followCertificateFiles(
  folder: string,
  { log, clock }: Readonly<{ log: Logger; clock: WebhookClock }>,
  serve: (pair: PemPair) => void,
): () => void {
  let stopped = false;
  let cancelTimer: (() => void) | undefined;
  let said = "";
  let served = "";

  async function look(): Promise<void> {
    const pair = await readPair(folder);
    if (stopped) return;
    if (!pair.ok && pair.fault !== said) log.warn({ event: "webhookCertificate", folder }, pair.fault);
    said = pair.ok ? "" : pair.fault;
    if (pair.ok && pair.value.certificate !== served) {
      served = pair.value.certificate;
      serve(pair.value);
    }
    cancelTimer = clock.setTimer(LOOK_MILLISECONDS, () => void look());
  }
  void look();
  return () => {
    stopped = true;
    cancelTimer?.();
  };
}

async function readPair(folder: string): Promise<Result<PemPair, string>> {
  const cannot = `Cannot serve webhooks with the certificate in ${folder}`;
  try {
    const [certificate, key] = await Promise.all(
      ["tls.crt", "tls.key"].map((name) => readFile(join(folder, name), "utf8")),
    );
    if (certificate === undefined || key === undefined) return refuse(cannot);
    const read = readCertificates(certificate);
    const privateKey = readPrivateKey(key);
    const first = read.ok ? read.value[0] : undefined;
    if (first === undefined)
      return refuse(`${cannot}: tls.crt ${read.ok ? "is empty" : read.fault}: put one in PEM there`);
    if (privateKey === undefined || !isPair(first, privateKey)) {
      return refuse(`${cannot}: tls.key is not its private key: put both there`);
    }
    return succeed({ certificate, key });
  } catch (error) {
    const remedy = "put tls.crt and tls.key there, or leave out --disable-cert-rotation";
    return refuse(`${cannot}: ${(error as Error).message}: ${remedy}`);
  }
}
