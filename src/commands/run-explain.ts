import { existsSync } from "node:fs";
import { explainFromObjects, findPod, saysNothing, triesOf } from "../lib/diag/explain.ts";
import { recordedText, tryText } from "../lib/diag/explaintable.ts";
import { Failure, InvalidInput } from "../lib/errors.ts";
import { connectKube } from "../lib/kube/connect.ts";
import { NodeClient } from "../lib/node/client.ts";
import { socketPath } from "../lib/node/paths.ts";
import { nodePaths } from "../lib/settings.ts";
import type { Flags, Io } from "./verb.ts";

interface Wish {
  /** Name "" = no pod. */
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly dryRun: boolean;
  readonly networks: string | undefined;
  readonly node: string | undefined;
  readonly json: boolean;
  readonly kubeconfig: string | undefined;
}

/** How long an API server may take that only helps nicd to answer. */
const patienceMs = 5_000;

/** Asks this node's nicd where there is one, else works with objects; exit 1 when there is nothing to tell, or a refusal. */
export async function runExplain(flags: Flags, io: Io): Promise<number> {
  const wish = readWish(flags);
  const socket = socketPath(nodePaths());
  return wish.node === undefined && existsSync(socket)
    ? askNicd(socket, wish, io)
    : askObjects(wish, io);
}

async function askNicd(socket: string, wish: Wish, io: Io): Promise<number> {
  const { pod, json } = wish;
  let annotation = wish.networks;
  let uid = "";
  if (wish.dryRun && annotation === undefined) {
    ({ annotation, uid } = await lookUp(wish));
  }
  const tries = annotation === undefined ? [] : triesOf(annotation, pod.namespace);
  const client = new NodeClient({ socket, waitMs: patienceMs });
  const reply = await client.explain({ pod: { ...pod, uid }, tries });
  if (json) io.out(JSON.stringify({ from: "nicd", ...reply }, null, 2));
  else {
    const recorded = wish.dryRun ? "" : recordedText(reply);
    const text = [recorded, ...reply.tries.map((each) => tryText(reply.node, each))];
    for (const each of text) if (each !== "") io.out(each);
  }
  if (saysNothing(reply)) {
    io.err(
      `nicd of node ${reply.node} knows nothing of pod ${pod.namespace}/${pod.name}: it may be on another node, or have no networks; --dry-run chooses for it now`,
    );
    return 1;
  }
  const refused = reply.tries.some((each) => each.refused !== undefined);
  return refused || (reply.attached.length === 0 && reply.refused.length > 0) ? 1 : 0;
}

/** The annotation of a pod: nicd does not keep it. */
async function lookUp(wish: Wish): Promise<{ annotation: string; uid: string }> {
  try {
    const kube = await connectKube({ kubeconfig: wish.kubeconfig });
    return await findPod(kube.with?.({ timeoutMs: patienceMs }) ?? kube, wish.pod);
  } catch (cause) {
    throw new Failure(
      `Cannot look up what pod ${wish.pod.namespace}/${wish.pod.name} asks for: give it by --networks`,
      { cause },
    );
  }
}

async function askObjects(wish: Wish, io: Io): Promise<number> {
  const kube = await connectKube({ kubeconfig: wish.kubeconfig });
  const found = wish.pod.name === "" ? undefined : await findPod(kube, wish.pod);
  const node = wish.node ?? found?.node ?? "";
  if (node === "") {
    throw new InvalidInput("Cannot explain a choice", [
      { path: "--node", problem: "is not given, and the pod is on no node yet: name one" },
    ]);
  }
  const annotation = wish.networks ?? found?.annotation ?? "";
  const tries = triesOf(annotation, wish.pod.namespace);
  if (tries.length === 0) {
    io.err(`Pod ${wish.pod.namespace}/${wish.pod.name} asks for no networks`);
    return 1;
  }
  const reply = await explainFromObjects(kube, { node, tries });
  if (wish.json) io.out(JSON.stringify({ from: "objects", ...reply }, null, 2));
  else for (const each of reply.tries) io.out(tryText(node, each));
  io.err(
    `computed from objects; not known here: ${reply.unknown.join("; ")}. On the node: kubectl exec of its multi-nicd pod, multinic explain`,
  );
  return reply.tries.some((each) => each.refused !== undefined) ? 1 : 0;
}

function readWish(flags: Flags): Wish {
  const text = (name: string) => {
    const value = flags[name];
    return typeof value === "string" ? value : undefined;
  };
  const [, namespace = "default", name = ""] =
    /^(?:([a-z0-9-]+)\/)?([a-z0-9.-]+)$/.exec(text("pod") ?? "") ?? [];
  const networks = text("networks");
  if (text("pod") !== undefined && name === "") {
    const problem = `"${text("pod")}": write namespace/name`;
    throw new InvalidInput("Cannot explain a choice", [{ path: "--pod", problem }]);
  }
  if (name === "" && networks === undefined) {
    const problem = "are not given: name a pod, or an annotation to choose for";
    throw new InvalidInput("Cannot explain a choice", [{ path: "--pod, --networks", problem }]);
  }
  return {
    pod: { namespace, name },
    dryRun: flags["dry-run"] === true || networks !== undefined,
    networks,
    node: text("node"),
    json: flags["output"] === "json",
    kubeconfig: text("kubeconfig"),
  };
}
