import type { Endpoint, Transport } from "./iperf.ts";

/** What became of one unfragmented packet as large as the sender's NIC takes. */
export type FullSize =
  | { readonly bytes: number; readonly passed: true }
  | { readonly bytes: number; readonly passed: false; readonly reason: string };

/** IPv4 and ICMP headers; IPv6 and ICMPv6 ones. */
const headers = { 4: 28, 6: 48 };
const patience = 15_000;

/**
 * Sends one packet of full size that nobody may break up (ping -M do) from one address to another. undefined = it could not
 * be tried: the pod has no ping, or does not say its MTU (`ip`, of iproute2 or busybox).
 */
export async function sendFullSize(
  transport: Transport,
  path: { from: Endpoint; source: string; destination: string },
): Promise<FullSize | undefined> {
  const signal = AbortSignal.timeout(patience);
  const bytes = await mtuOf(transport, path, signal);
  if (bytes === undefined) return undefined;
  const family = path.destination.includes(":") ? 6 : 4;
  const payload = String(bytes - headers[family]);
  const command = ["ping", `-${family}`, "-M", "do", "-c", "1", "-w", "2", "-q"];
  command.push("-s", payload, "-I", path.source, path.destination);
  const { code, stdout, stderr } = await transport.exec(path.from, command, signal);
  if (/ [1-9][0-9]* (packets )?received/.test(stdout)) return { bytes, passed: true };
  // Exit 1 with figures = no answer; anything else = this ping could not (busybox's knows no -M).
  if (code !== 1 || !/ transmitted/.test(stdout)) return undefined;
  const why = /mtu[ =]+([0-9]+)/i.exec(stdout + stderr)?.[1];
  const reason =
    why === undefined
      ? `a packet of ${bytes} bytes does not come through: the peer's MTU or that of a switch is smaller`
      : `a packet of ${bytes} bytes does not come through: an MTU on the way is ${why}`;
  return { bytes, passed: false, reason };
}

async function mtuOf(
  transport: Transport,
  { from, source }: { from: Endpoint; source: string },
  signal: AbortSignal,
): Promise<number | undefined> {
  const { code, stdout } = await transport.exec(from, ["ip", "addr", "show"], signal);
  return code === 0 ? mtuIn(stdout, source) : undefined;
}

/** Finds the MTU of the interface that has an address, in what `ip addr` prints. */
export function mtuIn(listing: string, address: string): number | undefined {
  for (const link of listing.split(/^(?=[0-9]+: )/m)) {
    const own = [...link.matchAll(/^\s+inet6? ([^/\s]+)/gm)].some(([, each]) => each === address);
    const mtu = / mtu ([0-9]+)/.exec(link)?.[1];
    if (own && mtu !== undefined) return Number(mtu);
  }
  return undefined;
}
