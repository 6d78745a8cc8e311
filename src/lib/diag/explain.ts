import { networkStatusAnnotation, networksAnnotation, parseNetworks } from "../api/annotation.ts";
import type { Explained } from "../api/explained.ts";
import { parsePodArgs } from "../api/pod-args.ts";
import { Failure, type Fault, InvalidInput } from "../errors.ts";
import type { Kube, PodObject } from "../kube/kube.ts";
import type { ExplainReply, ExplainRequest } from "../node/contract.ts";
import { explained } from "../plan/choice-explained.ts";
import { selectNics } from "../plan/choice-selection.ts";
import { linkTypes } from "../plan/hostnics.ts";

/** What objects say of a choice. */
export interface ObjectsExplained {
  readonly node: string;
  readonly tries: Explained[];
  /** What only the node's nicd knows and the choice was made without. */
  readonly unknown: readonly string[];
}

/** Reads the networks that an annotation asks for and each one's wishes; throws `InvalidInput` with every fault. */
export function triesOf(annotation: string, namespace: string): ExplainRequest["tries"] {
  const faults: Fault[] = [];
  const tries = parseNetworks(annotation, namespace).map(({ name, cniArgs }) => {
    const {
      nics,
      masters,
      target,
      class: deviceClass,
    } = parsePodArgs({ args: { cni: { ...cniArgs } } }, faults);
    return {
      network: name,
      request: {
        ...(nics !== undefined && { nics }),
        ...(masters !== undefined && { masters: [...masters] }),
        ...(target !== undefined && { target }),
        ...(deviceClass !== undefined && { class: deviceClass }),
      },
    };
  });
  if (faults.length > 0) throw new InvalidInput(`Annotation ${networksAnnotation}`, faults);
  return tries;
}

/** Finds a pod with its node and annotation. */
export async function findPod(
  kube: Pick<Kube, "get">,
  pod: { namespace: string; name: string },
): Promise<{ node: string; annotation: string; uid: string; attached: boolean }> {
  const object: PodObject | undefined = await kube.get("Pod", pod.name, {
    namespace: pod.namespace,
  });
  if (!object) throw new Failure(`There is no pod ${pod.namespace}/${pod.name}`);
  const annotations = object.metadata.annotations ?? {};
  return {
    node: object.spec?.nodeName ?? "",
    annotation: annotations[networksAnnotation] ?? "",
    uid: object.metadata.uid ?? "",
    attached: annotations[networkStatusAnnotation] !== undefined,
  };
}

/** Chooses from objects alone what a pod would get on a node, as far as they say. */
export async function explainFromObjects(
  kube: Pick<Kube, "get">,
  of: { node: string; tries: ExplainRequest["tries"] },
): Promise<ObjectsExplained> {
  const host = await kube.get("HostInterface", of.node);
  if (!host) throw new Failure(`There is no HostInterface ${of.node}: no nicd has looked there`);
  const states = new Map(host.status?.interfaces?.map((nic) => [nic.interfaceName, nic]));
  const unknown = new Set([
    "bandwidth promised to pods of that node",
    "NICs and devices that its pods hold",
  ]);
  const tries: Explained[] = [];
  for (const { network, request } of of.tries) {
    const object = await kube.get("MultiNicNetwork", network);
    if (!object) {
      const reason = `There is no MultiNicNetwork ${network}`;
      tries.push({ network, reason, chosen: [], nics: [], refused: 11 });
      continue;
    }
    const { plugin, masterNets, attachPolicy, rails } = object.spec;
    if (["sriov", "mellanox"].includes(plugin.type)) {
      unknown.add(`devices that the kubelet gave to the pod, which are the NICs of ${network}`);
    }
    if (attachPolicy?.strategy === "topology") {
      unknown.add("GPUs that the kubelet gave to the pod, and PCIe paths: topology needs both");
    }
    const deviceClass = request.class ? await kube.get("DeviceClass", request.class) : undefined;
    const usable = host.spec.interfaces.filter(
      ({ interfaceName }) =>
        !linkTypes.has(plugin.type) || states.get(interfaceName)?.reason !== "IPoIB",
    );
    tries.push(
      explained(network, () =>
        selectNics({
          network,
          masterNets: masterNets ?? [],
          rails: rails ?? false,
          strategy: attachPolicy?.strategy ?? "none",
          target: attachPolicy?.target,
          pluginType: plugin.type,
          mode: plugin.args?.["mode"] ?? "",
          request,
          deviceIDs: [],
          nics: usable,
          states,
          classIds: deviceClass?.spec.ids,
          parentOf: () => undefined,
          uses: [],
        }),
      ),
    );
  }
  return { node: of.node, tries, unknown: [...unknown] };
}

/** Tells whether an answer has anything to say. */
export function saysNothing({ attached, refused, tries }: ExplainReply): boolean {
  return attached.length + refused.length + tries.length === 0;
}
