import { bits, containsAddress, type Prefix, parseAddress, parsePrefix, prefixOf } from "../ip.ts";

/** Reads addresses and CIDRs as blocks; what is neither is left out. */
export function blocksOf(texts: readonly string[]): Prefix[] {
  return texts.flatMap((text) => {
    const address = parseAddress(text);
    return address ? prefixOf(address, bits(address.family)) : (parsePrefix(text) ?? []);
  });
}

/** Tells whether one of the blocks holds an address, written with or without prefix length. */
export function isWithin(blocks: readonly Prefix[], text: string): boolean {
  const address = parseAddress(withoutLength(text));
  return address !== undefined && blocks.some((block) => containsAddress(block, address));
}

/** Cuts the prefix length off an address. */
export function withoutLength(text: string): string {
  return text.split("/")[0] ?? text;
}
