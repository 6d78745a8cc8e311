import { Failure } from "../errors.ts";
import { Ec2 } from "./ec2.ts";
import { assign, type Eni, type EniWish, findEni, holds, unassign } from "./eni.ts";
import { Imds } from "./imds.ts";

/** What the network interfaces of this instance are asked for. */
export interface Cloud {
  /** Finds the network interface of a host's NIC. */
  eni(nic: Omit<EniWish, "instance">): Promise<Eni>;
  /** Makes addresses the interface's own and returns those that were not before. */
  assign(eni: Eni, addresses: readonly string[]): Promise<readonly string[]>;
  unassign(eni: Eni, addresses: readonly string[]): Promise<readonly string[]>;
  holds(eni: Eni, address: string): boolean;
  /** Tells that metadata and role are there; throws why not. */
  ready(): Promise<void>;
}

export interface CloudOptions {
  /** Of the instance metadata; "" = where EC2 has it. */
  readonly metadata: string;
  /** Of the EC2 API; "" = the region's own. */
  readonly ec2: string;
  /** How long one call may take with all its attempts (ms). */
  readonly patienceMs: number;
  now(): number;
  pause(ms: number): Promise<void>;
  random(): number;
}

const linkLocal = "http://169.254.169.254";
const metadataMs = 1000;
const answerMs = 5000;

/** Opens EC2 as this instance's role sees it; nothing is asked before it is needed. */
export function openCloud(options: CloudOptions): Cloud {
  const imds = new Imds({ endpoint: options.metadata || linkLocal, timeoutMs: metadataMs });
  let opened: Promise<{ ec2: Ec2; instance: string }> | undefined;
  const open = () => {
    opened ??= connect(imds, options);
    return opened;
  };
  return {
    async eni(nic) {
      const { ec2, instance } = await open();
      return findEni(ec2, { ...nic, instance });
    },
    assign: async (eni, addresses) => assign((await open()).ec2, eni, addresses),
    unassign: async (eni, addresses) => unassign((await open()).ec2, eni, addresses),
    holds,
    async ready() {
      await open();
    },
  };
}

async function connect(imds: Imds, options: CloudOptions): Promise<{ ec2: Ec2; instance: string }> {
  const [region, instance, domain, keys] = await Promise.all([
    imds.need("placement/region"),
    imds.need("instance-id"),
    imds.read("services/domain"),
    imds.roleKeys(),
  ]);
  if (!/^[a-z0-9-]+$/.test(region))
    throw new Failure(`The instance metadata names ${JSON.stringify(region)} as the region`);
  const endpoint = options.ec2 || `https://ec2.${region}.${domain || "amazonaws.com"}`;
  const { patienceMs, now, pause, random } = options;
  const ec2 = new Ec2({
    endpoint,
    region,
    keys,
    timeoutMs: answerMs,
    patienceMs,
    now,
    pause,
    random,
  });
  return { ec2, instance };
}
