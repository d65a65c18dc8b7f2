/** Octets of hexadecimal digits; blanks are for the reader. */
export const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

export const hex = (array: Uint8Array): string => Buffer.from(array).toString("hex");
