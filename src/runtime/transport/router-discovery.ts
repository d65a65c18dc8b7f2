import { macOctets, type MacAddress } from "../net/mac.js";
import { listLinks } from "./links.js";
import { loadNativePart, type NativeRouterAdvertisements } from "./native.js";

/** As often as routers say that they are there where BGP goes by it. */
const SAY_MILLISECONDS = 10_000;
/** Until an interface that is not there, or down, is looked at again. */
const RETRY_MILLISECONDS = 2_000;

const ROUTER_ADVERTISEMENT = 134;
const SOURCE_LINK_LAYER_ADDRESS = 1;

export type RouterHandlers = Readonly<{
  /** A router on the link has said that it is there; `address` is its link-local one, without a zone. Comes again and again. */
  heard(address: string): void;
  /** There is nothing to be heard now; it is tried again. `error` is of a system call, or says that there is no such interface. */
  failed(error: unknown): void;
}>;

/**
 * Hears of routers on an interface by their router advertisements, and says that we are there in the same way: as a
 * router that is nobody's default one (a lifetime of 0). RFC 4861 §4.2, §6.2.3
 * @returns what ends it
 */
export function discoverRouters(interfaceName: string, { heard, failed }: RouterHandlers): () => void {
  const native = loadNativePart();
  let socket: NativeRouterAdvertisements | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;

  function tick(): void {
    try {
      const link = listLinks().find(({ name }) => name === interfaceName);
      if (link === undefined) throw new Error(`there is no interface ${interfaceName}`);
      socket ??= native.openRouterAdvertisements(link.index, heard);
      native.sendRouterAdvertisement(socket, encodeAdvertisement(link.mac));
      wait(SAY_MILLISECONDS);
    } catch (error) {
      close();
      wait(RETRY_MILLISECONDS);
      failed(error);
    }
  }

  function wait(milliseconds: number): void {
    if (!isOver) timer = setTimeout(tick, milliseconds);
  }

  function close(): void {
    if (socket !== undefined) native.closeRouterAdvertisements(socket);
    socket = undefined;
  }

  timer = setTimeout(tick, 0); // nothing is heard before we return
  return () => {
    isOver = true;
    clearTimeout(timer);
    close();
  };
}

/** Without a prefix, and with a lifetime of 0; the kernel fills in the checksum. RFC 4861 §4.2, §4.6.1 */
function encodeAdvertisement(mac: MacAddress | undefined): Uint8Array {
  const fixed = new Uint8Array(16);
  fixed[0] = ROUTER_ADVERTISEMENT;
  return mac === undefined ? fixed : Uint8Array.of(...fixed, SOURCE_LINK_LAYER_ADDRESS, 1, ...macOctets(mac));
}
