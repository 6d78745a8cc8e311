/** What bandwidths look like in annotations and in `attachPolicy.target`; for errors. */
export const bandwidthExample = "a bandwidth, as 25Gbps or 500Mbps";

const kbpsOf: Readonly<Record<string, number>> = { "": 0.001, k: 1, m: 1e3, g: 1e6 };

/**
 * Reads a bandwidth: a number and Kbps, Mbps or Gbps, also written 25G, 25 gbit/s or 25Gb/s. Returns whole kbit/s,
 * rounded up; undefined for anything else, nothing and zero included.
 */
export function parseBandwidth(text: string): number | undefined {
  const match = /^([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([kmg]?)(?:bps|bit\/s|bit|b\/s|b)?$/i.exec(
    text.trim(),
  );
  const [, number = "", unit = ""] = match ?? [];
  // A bare number says no unit: bits would hardly be meant.
  if (!match || /^[0-9.]+$/.test(text.trim())) return undefined;
  const factor = kbpsOf[unit.toLowerCase()] ?? 0;
  // 0.1 Gbps must not become 100001 kbit/s by the last bit of a float.
  const kbps = Math.ceil(Number((Number(number) * factor).toFixed(6)));
  return kbps > 0 && kbps <= 1e12 ? kbps : undefined;
}

/** Writes kbit/s with the largest unit that leaves at most three decimals. */
export function formatBandwidth(kbps: number): string {
  const steps = [
    [1e6, "Gbps"],
    [1e3, "Mbps"],
  ] as const;
  for (const [size, unit] of steps) {
    if (kbps >= size) return `${Number((kbps / size).toFixed(3))}${unit}`;
  }
  return `${kbps}Kbps`;
}
