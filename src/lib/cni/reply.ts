import { cniCode } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import { parseAddressWithLength } from "../ip.ts";
import type { AttachReply } from "../node/contract.ts";

/** dev_valid_name() of the kernel, and only printable ASCII. */
const linkName = /^(?!\.{1,2}$)[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;
/** What stands in a plugin's `deviceID`: never a path. */
const deviceId = /^[A-Za-z0-9_.:,@-]{0,128}$/;
const maxNics = 1024;

/** Throws when an answer of nicd holds what must not reach the kernel, another plugin or a result; returns it else. */
export function soundReply(reply: AttachReply, ifname: string): AttachReply {
  const nics: unknown = reply.interfaces;
  if (!Array.isArray(nics) || nics.length > maxNics)
    throw unsound(`interfaces is no list of at most ${maxNics}`);
  for (const [i, nic] of reply.interfaces.entries()) {
    const at = `interfaces[${i}]`;
    if (nic.name !== `${ifname}-${i}`) throw unsound(`${at}.name is ${show(nic.name)}`);
    if (nic.master !== "" && !isText(nic.master, linkName))
      throw unsound(`${at}.master is ${show(nic.master)}`);
    if (!isText(nic.pciAddress, deviceId))
      throw unsound(`${at}.pciAddress is ${show(nic.pciAddress)}`);
    if (!Array.isArray(nic.addresses)) throw unsound(`${at}.addresses is no list`);
    for (const address of nic.addresses) {
      if (typeof address !== "string" || !parseAddressWithLength(address))
        throw unsound(`${at}.addresses holds ${show(address)}`);
    }
  }
  return reply;
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}

function unsound(why: string): Failure {
  return new Failure("Cannot use nicd's answer", {
    code: cniCode.kernel,
    cause: new Failure(`${why}; do nicd and the CNI program come from one release?`),
  });
}
