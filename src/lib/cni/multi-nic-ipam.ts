import { type CniHeader, type CniNetwork, cniCode, refuse } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import type { CniResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import type { AttachRequest, NetworkRef } from "../node/contract.ts";
import { attachmentKey, attachRequest } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";
import { validAttachments } from "./gc.ts";
import type { Invocation } from "./invocation.ts";
import { identifyPod } from "./pod.ts";
import { previousResult } from "./previous.ts";
import type { CniVerbs } from "./program.ts";
import { release } from "./release.ts";
import { soundReply } from "./reply.ts";
import { askNode } from "./status.ts";

/** Addresses for a foreign main plugin: the network is its `name`, the NIC its `master` or `deviceID`, the address one. */
export function multiNicIpam(deps: CniDeps): CniVerbs {
  return {
    ADD: (call, header) => give(call, header, deps),
    DEL: (call, header) => release(attachmentKey(call, header.name), deps),
    CHECK: (call, header) => compare(call, header, deps),
    STATUS: (_call, header) => {
      const network = parseNetwork(header);
      return askNode({ network: network.name, ref: refOf(network) }, deps);
    },
    GC: async (_call, header) => {
      await deps.node.gc({ network: header.name, valid: [...validAttachments(header)] });
    },
  };
}

async function give(call: Invocation, header: CniHeader, deps: CniDeps): Promise<CniResult> {
  const network = parseNetwork(header);
  const reply = soundReply(await deps.node.attach(requestOf(call, network, deps)), call.ifname);
  const addresses = reply.interfaces[0]?.addresses ?? [];
  if (addresses.length === 0) {
    await release(attachmentKey(call, network.name), deps);
    throw new Failure(`Cannot give ${call.ifname} an address of ${network.name}`, {
      code: cniCode.kernel,
      cause: new Failure(`nicd has none: ${reply.reason}`),
    });
  }
  deps.log.info("gave addresses", { ...attachmentKey(call, network.name), addresses });
  return {
    interfaces: [],
    ips: addresses.map((address) => ({ address })),
    routes: network.routes,
    dns: network.dns,
  };
}

async function compare(call: Invocation, header: CniHeader, deps: CniDeps): Promise<void> {
  const before = previousResult(header);
  if (!before) refuse([{ path: "prevResult", problem: "is missing: CHECK compares with it" }]);
  const record = await deps.node.check(attachmentKey(call, header.name));
  const told = before?.ips.map(({ address }) => address) ?? [];
  const lost = record.interfaces
    .flatMap(({ addresses }) => addresses)
    .filter((address) => !told.includes(address));
  if (lost.length === 0) return;
  throw new Failure(`The addresses of ${call.ifname} are not as they were given`, {
    code: cniCode.check,
    cause: new Failure(`prevResult lacks ${lost.join(", ")}`),
  });
}

function requestOf(call: Invocation, network: CniNetwork, deps: CniDeps): AttachRequest {
  const device = network.runtimeConfig.deviceID || network.deviceID;
  if (network.master === "" && device === "") {
    const problem = "is missing, and deviceID too: the NIC decides the address";
    refuse([{ path: "master", problem }]);
  }
  const netns = identifyPod(call, deps);
  const request = attachRequest(call, network, { plan: undefined, netns });
  return {
    ...request,
    ref: refOf(network),
    request: network.master === "" ? { nics: 1 } : { masters: [network.master], nics: 1 },
  };
}

function refOf(network: CniNetwork): NetworkRef {
  const mode = network.raw["mode"];
  return {
    subnet: network.subnet,
    masterNets: [...network.masterNets],
    pooled: true,
    pluginType: network.type,
    mode: typeof mode === "string" ? mode : "",
  };
}
