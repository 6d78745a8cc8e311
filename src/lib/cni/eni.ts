import { cniCode, isObject, type JsonObject } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import { containsAddress, parseAddress, parsePrefix } from "../ip.ts";
import { type Ec2, Ec2Refusal, itemsOf, textOf } from "./ec2.ts";

/** An elastic network interface: a NIC of this instance as EC2 knows it. */
export interface Eni {
  readonly id: string;
  readonly mac: string;
  /** Both families, the primary ones too. */
  readonly addresses: readonly string[];
  readonly primary: string;
  /** Prefixes that are delegated to it: every address in them is its own already. */
  readonly prefixes: readonly string[];
}

/** How a host's NIC is found among all network interfaces of an account. */
export interface EniWish {
  /** The NIC's own address, either family. */
  readonly primaryIP: string;
  readonly mac: string;
  readonly instance: string;
}

type Caller = Pick<Ec2, "call">;

/**
 * Finds the network interface of a host's NIC by its primary address. The same address may be in several VPCs of an
 * account: the MAC and the instance tell which. Throws what to do when there is none, or when it is not attached here.
 */
export async function findEni(ec2: Caller, wish: EniWish): Promise<Eni> {
  const six = wish.primaryIP.includes(":");
  const answer = await ec2.call("DescribeNetworkInterfaces", {
    "Filter.1.Name": six ? "ipv6-addresses.ipv6-address" : "addresses.private-ip-address",
    "Filter.1.Value.1": wish.primaryIP,
  });
  const all = itemsOf(answer, "networkInterfaceSet");
  const own = all.find((item) => textOf(item, "macAddress").toLowerCase() === wish.mac);
  const failure = (why: string) =>
    new Failure(`Cannot find the network interface of ${wish.primaryIP} (${wish.mac})`, {
      code: cniCode.kernel,
      cause: new Failure(why),
    });
  if (!own) {
    const others = all.map((item) => textOf(item, "networkInterfaceId")).join(", ");
    throw failure(
      others === ""
        ? "EC2 knows none with that address: is it the address that EC2 gave to the NIC, and this the account and region?"
        : `${others} has that address, with another MAC: the host's NIC was given an address of another one`,
    );
  }
  const id = textOf(own, "networkInterfaceId");
  const { instance, status } = attachmentOf(own);
  if (instance !== wish.instance || status !== "attached") {
    throw failure(
      `${id} is ${instance === "" ? "not attached to an instance" : `${status} at ${instance}`}: attach it to ${wish.instance}`,
    );
  }
  return eniOf(id, own);
}

/** Makes addresses the interface's own; those that are already are left out of the call. Returns what was assigned. */
export async function assign(
  ec2: Caller,
  eni: Eni,
  addresses: readonly string[],
): Promise<readonly string[]> {
  const wanted = addresses.filter((address) => !holds(eni, address));
  for (const family of [4, 6] as const) {
    const some = wanted.filter((address) => address.includes(":") === (family === 6));
    if (some.length === 0) continue;
    await ec2.call(family === 4 ? "AssignPrivateIpAddresses" : "AssignIpv6Addresses", {
      NetworkInterfaceId: eni.id,
      ...listed(family, some),
      // Our host's block: whoever else has the address keeps it from a pod that is long gone. IPv6 knows no such wish.
      ...(family === 4 ? { AllowReassignment: "true" } : {}),
    });
  }
  return wanted;
}

/** Takes addresses from the interface; one that it does not have, and an interface that is gone, are success. */
export async function unassign(
  ec2: Caller,
  eni: Eni,
  addresses: readonly string[],
): Promise<readonly string[]> {
  const there = addresses.filter(
    (address) => eni.addresses.includes(address) && address !== eni.primary,
  );
  for (const family of [4, 6] as const) {
    const some = there.filter((address) => address.includes(":") === (family === 6));
    if (some.length === 0) continue;
    const action = family === 4 ? "UnassignPrivateIpAddresses" : "UnassignIpv6Addresses";
    try {
      await ec2.call(action, { NetworkInterfaceId: eni.id, ...listed(family, some) });
    } catch (error) {
      // InvalidParameterValue: not assigned (any more): the one way in which this call's parameters can be wrong.
      if (!(error instanceof Ec2Refusal && gone.includes(error.ec2Code))) throw error;
    }
  }
  return there;
}

/** Tells whether an address is the interface's own, by itself or in a prefix delegated to it. */
export function holds(eni: Eni, address: string): boolean {
  if (eni.addresses.includes(address)) return true;
  const parsed = parseAddress(address);
  return eni.prefixes.some((text) => {
    const prefix = parsePrefix(text);
    return parsed !== undefined && prefix !== undefined && containsAddress(prefix, parsed);
  });
}

const gone = [
  "InvalidParameterValue",
  "InvalidNetworkInterfaceID.NotFound",
  "InvalidIPAddress.NotFound",
];

function listed(family: 4 | 6, addresses: readonly string[]): Record<string, string> {
  const name = family === 4 ? "PrivateIpAddress" : "Ipv6Addresses";
  return Object.fromEntries(addresses.map((address, i) => [`${name}.${i + 1}`, address]));
}

function attachmentOf(item: JsonObject): { instance: string; status: string } {
  const attachment = item["attachment"];
  if (!isObject(attachment)) return { instance: "", status: "" };
  return { instance: textOf(attachment, "instanceId"), status: textOf(attachment, "status") };
}

function eniOf(id: string, item: JsonObject): Eni {
  const four = itemsOf(item, "privateIpAddressesSet").map((each) =>
    textOf(each, "privateIpAddress"),
  );
  const six = itemsOf(item, "ipv6AddressesSet").map((each) => textOf(each, "ipv6Address"));
  return {
    id,
    mac: textOf(item, "macAddress").toLowerCase(),
    addresses: [...four, ...six],
    primary: textOf(item, "privateIpAddress"),
    prefixes: [
      ...itemsOf(item, "ipv4PrefixSet").map((each) => textOf(each, "ipv4Prefix")),
      ...itemsOf(item, "ipv6PrefixSet").map((each) => textOf(each, "ipv6Prefix")),
    ],
  };
}
