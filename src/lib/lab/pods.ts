import { randomBytes, randomUUID } from "node:crypto";
import {
  interfaceNames,
  type NetworkSelection,
  type NetworkStatus,
  networkStatusAnnotation,
  networksAnnotation,
  parseNetworks,
} from "../api/annotation.ts";
import type { Ran } from "../diag/iperf.ts";
import { Failure } from "../errors.ts";
import type { Kube, PodObject } from "../kube/kube.ts";
import type { RunningHost } from "./hosts.ts";

/** What a pod of the lab holds on its host, as the container runtime and Multus remember it. */
export interface LabPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly host: RunningHost;
  readonly containerID: string;
  readonly netns: string;
  readonly attachments: LabAttachment[];
}

export interface LabAttachment {
  readonly selection: NetworkSelection;
  readonly ifname: string;
  /** The network configuration as it was at ADD: Multus keeps it for DEL. */
  readonly config: Record<string, unknown>;
  result: CniResult | undefined;
}

export interface CniResult {
  interfaces?: { name: string; mac?: string; sandbox?: string }[];
  ips?: { address: string; interface?: number }[];
}

export interface PodWish {
  readonly namespace: string;
  readonly name: string;
  /** The networks annotation, either form. */
  readonly networks: string;
  /** Devices that its container wants, by resource. */
  readonly limits?: Readonly<Record<string, number>> | undefined;
}

const cniPath = "/opt/cni/bin";

/** Does what kubelet, container runtime and Multus do for a pod: object, namespace, one CNI ADD per network. */
export async function addPod(kube: Kube, host: RunningHost, wish: PodWish): Promise<LabPod> {
  const uid = await createPod(kube, host, wish);
  try {
    return await startSandbox(kube, host, { ...wish, uid });
  } catch (error) {
    await removeObject(kube, { ...wish, uid });
    throw error;
  }
}

/** Makes the object of a pod that has no sandbox yet; returns its UID. */
export async function createPod(kube: Kube, host: RunningHost, wish: PodWish): Promise<string> {
  return (await kube.create("Pod", podObject(host, wish))).metadata.uid ?? randomUUID();
}

/** Makes a sandbox for a pod whose object is there; one that fails is taken away again. */
export async function startSandbox(
  kube: Kube,
  host: RunningHost,
  wish: PodWish & { readonly uid: string },
): Promise<LabPod> {
  const selections = parseNetworks(wish.networks, wish.namespace);
  const { namespace, name, uid } = wish;
  const pod: LabPod = {
    ...{ namespace, name, uid, host },
    containerID: randomBytes(32).toString("hex"),
    netns: `cni-${randomUUID()}`,
    attachments: [],
  };
  try {
    await host.devices.allocate(pod.uid, wish.limits ?? {});
    await onHost(pod, ["ip", "netns", "add", pod.netns]);
    await onHost(pod, ["ip", "-n", pod.netns, "link", "set", "lo", "up"]);
    for (const [i, ifname] of interfaceNames(selections).entries()) {
      const selection = selections[i];
      if (selection) await attach(kube, pod, { selection, ifname });
    }
    await kube.patch(
      "Pod",
      pod.name,
      {
        metadata: {
          annotations: { [networkStatusAnnotation]: JSON.stringify(networkStatus(pod)) },
        },
      },
      { namespace: pod.namespace },
    );
    await kube.patch(
      "Pod",
      pod.name,
      { status: { phase: "Running" } },
      { namespace: pod.namespace, subresource: "status" },
    );
    return pod;
  } catch (error) {
    await endSandbox(pod);
    throw new Failure(`Cannot start pod ${wish.namespace}/${wish.name} on ${host.host.name}`, {
      cause: error,
    });
  }
}

/** Takes a pod down as the runtime does: sandbox gone, object gone. Says what DEL answered, if not success. */
export async function removePod(kube: Kube, pod: LabPod): Promise<string[]> {
  const failures = await endSandbox(pod);
  await removeObject(kube, pod);
  return failures;
}

/** Takes a sandbox away: DEL in reverse, cached results gone, namespace gone. Says what DEL answered, if not success. */
async function endSandbox(pod: LabPod): Promise<string[]> {
  const failures: string[] = [];
  for (const attachment of [...pod.attachments].reverse()) {
    const ran = await callPlugin(pod, attachment, "DEL");
    if (ran.code !== 0)
      failures.push(`DEL ${attachment.ifname}: ${ran.stdout.trim() || ran.stderr.trim()}`);
  }
  await pod.host.exec(["rm", "-f", ...pod.attachments.map((one) => cachePath(pod, one))]);
  await pod.host.exec(["ip", "netns", "del", pod.netns]);
  await pod.host.devices.release(pod.uid);
  return failures;
}

/** Takes a pod's namespace and object away without DEL, as a runtime does that has lost its record of the pod. */
export async function losePod(kube: Kube, pod: LabPod): Promise<void> {
  await pod.host.exec(["ip", "netns", "del", pod.netns]);
  await removeObject(kube, pod);
}

function removeObject(
  kube: Kube,
  { namespace, name, uid }: Pick<LabPod, "namespace" | "name" | "uid">,
): Promise<void> {
  return kube.remove("Pod", name, { namespace, uid, gracePeriodSeconds: 0 });
}

/** Calls the CNI plugin of an attachment the way Multus does: environment, re-marshalled stdin, previous result. */
export function callPlugin(
  pod: LabPod,
  attachment: LabAttachment,
  command: "ADD" | "DEL" | "CHECK",
): Promise<Ran> {
  const { selection, ifname } = attachment;
  const args = [
    "IgnoreUnknown=true",
    `K8S_POD_NAMESPACE=${pod.namespace}`,
    `K8S_POD_NAME=${pod.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${pod.containerID}`,
    `K8S_POD_UID=${pod.uid}`,
    ...(selection.mac ? [`MAC=${selection.mac}`] : []),
    ...(selection.ips.length > 0 ? [`IP=${selection.ips.join(",")}`] : []),
  ];
  const config = { ...attachment.config };
  if (command !== "ADD" && attachment.result) config["prevResult"] = attachment.result;
  return pod.host.exec([`${cniPath}/${String(config["type"])}`], {
    stdin: JSON.stringify(config),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.containerID,
      // Multus sends DELs without one.
      CNI_NETNS: pod.netns === "" ? "" : `/run/netns/${pod.netns}`,
      CNI_IFNAME: ifname,
      CNI_PATH: cniPath,
      CNI_ARGS: args.join(";"),
    },
  });
}

async function attach(
  kube: Kube,
  pod: LabPod,
  to: { selection: NetworkSelection; ifname: string },
): Promise<void> {
  const { selection, ifname } = to;
  const definition = await kube.get("NetworkAttachmentDefinition", selection.name, {
    namespace: selection.namespace,
  });
  if (!definition) {
    throw new Failure(
      `Cannot find network-attachment-definition ${selection.namespace}/${selection.name}`,
    );
  }
  const config = stdinConfig(JSON.parse(definition.spec.config), selection);
  const attachment: LabAttachment = { selection, ifname, config, result: undefined };
  pod.attachments.push(attachment);
  const ran = await callPlugin(pod, attachment, "ADD");
  if (ran.code !== 0) {
    throw new Failure(`ADD ${ifname} of ${selection.name} failed`, {
      cause: ran.stdout.trim() || ran.stderr.trim(),
    });
  }
  attachment.result = JSON.parse(ran.stdout) as CniResult;
  await cacheResult(pod, attachment, ran.stdout);
}

/** cni-args become `args.cni`; ips and mac become runtimeConfig only where the definition declares the capability. */
function stdinConfig(
  config: Record<string, unknown>,
  selection: NetworkSelection,
): Record<string, unknown> {
  const capabilities = (config["capabilities"] ?? {}) as Record<string, boolean>;
  const runtimeConfig = {
    ...(capabilities["ips"] && selection.ips.length > 0 ? { ips: selection.ips } : {}),
    ...(capabilities["mac"] && selection.mac ? { mac: selection.mac } : {}),
  };
  return {
    ...config,
    ...(selection.cniArgs ? { args: { cni: selection.cniArgs } } : {}),
    ...(Object.keys(runtimeConfig).length > 0 ? { runtimeConfig } : {}),
  };
}

/** Keeps the result where libcni keeps it, so that tools that read its cache find the attachment. */
async function cacheResult(pod: LabPod, attachment: LabAttachment, result: string): Promise<void> {
  const entry = {
    kind: "cniCacheV1",
    containerId: pod.containerID,
    config: Buffer.from(JSON.stringify(attachment.config)).toString("base64"),
    ifName: attachment.ifname,
    networkName: String(attachment.config["name"]),
    result: JSON.parse(result),
  };
  const path = cachePath(pod, attachment);
  await pod.host.exec(["sh", "-c", `mkdir -p /var/lib/cni/results && cat > ${path}`], {
    stdin: JSON.stringify(entry),
  });
}

function cachePath(pod: LabPod, attachment: LabAttachment): string {
  return `/var/lib/cni/results/${String(attachment.config["name"])}-${pod.containerID}-${attachment.ifname}`;
}

function networkStatus(pod: LabPod): NetworkStatus[] {
  return pod.attachments.flatMap((attachment) =>
    (attachment.result?.interfaces ?? []).map((link, i) => ({
      name: `${attachment.selection.namespace}/${attachment.selection.name}`,
      interface: link.name,
      ips: (attachment.result?.ips ?? [])
        .filter((ip) => ip.interface === i)
        .map((ip) => ip.address.split("/")[0] ?? ""),
      ...(link.mac ? { mac: link.mac } : {}),
      dns: {},
    })),
  );
}

function podObject(host: RunningHost, wish: PodWish): PodObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: wish.name,
      namespace: wish.namespace,
      annotations: { [networksAnnotation]: wish.networks },
    },
    spec: {
      nodeName: host.host.name,
      containers: [
        {
          name: "main",
          image: "lab.invalid/none:1",
          ...(wish.limits && { resources: { limits: limitsOf(wish.limits) } }),
        },
      ],
    } as PodObject["spec"] & object,
  };
}

function limitsOf(limits: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(limits).map(([name, count]) => [name, String(count)]));
}

async function onHost(pod: LabPod, command: readonly string[]): Promise<void> {
  const ran = await pod.host.exec(command);
  if (ran.code !== 0)
    throw new Failure(`Cannot run ${command.join(" ")}`, { cause: ran.stderr.trim() });
}
