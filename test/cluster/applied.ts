import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Api, connect } from "../contract/api-client.ts";
import { kubectl } from "../support/kubectl.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "./control-plane.ts";

const root = join(import.meta.dir, "../..");
const apply = ["apply", "--server-side", "--validate=strict"];
export const namespace = "multi-nic-cni-operator";

/** A real control plane with everything of manifests/ applied, and tokens of its service accounts. */
export interface Installed {
  readonly plane: ControlPlane;
  /** The cluster administrator. */
  readonly admin: Api;
  /** What kubectl said when the manifests were applied. */
  readonly said: string;
  /** Returns a kubeconfig of a service account; with `node`, of its pod there, as a kubelet's token would be. */
  kubeconfigOf(account: string, node?: string): Promise<string>;
  /** Writes a kubeconfig where programs find it. */
  fileOf(kubeconfig: string): string;
  stop(): Promise<void>;
}

/** Starts a control plane and installs on it as docs/install.md says. */
export async function install(options: ControlPlaneOptions = {}): Promise<Installed> {
  const plane = await startControlPlane(options);
  try {
    const admin = connect(plane.kubeconfig);
    const { kubeconfigPath } = plane;
    const shape = join(import.meta.dir, "network-attachment-definitions.yaml");
    const texts: string[] = [];
    for (const what of [
      ["-f", shape],
      ["-k", join(root, "manifests")],
    ]) {
      const said = await kubectl([...apply, ...what], undefined, kubeconfigPath);
      texts.push(said.text);
      if (!said.ok) throw new Error(said.text);
    }
    let files = 0;
    return {
      plane,
      admin,
      said: texts.join(""),
      kubeconfigOf: async (account, node) => {
        const token = await tokenOf(admin, account, node);
        return withToken(plane.kubeconfig, token);
      },
      fileOf(kubeconfig) {
        const path = `${plane.kubeconfigPath}-${files++}`;
        writeFileSync(path, kubeconfig, { mode: 0o600 });
        return path;
      },
      stop: () => plane.stop(),
    };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

async function tokenOf(admin: Api, account: string, node: string | undefined): Promise<string> {
  const bound = node === undefined ? {} : { boundObjectRef: await podOn(admin, account, node) };
  const spec = { audiences: ["https://kubernetes.default.svc"], expirationSeconds: 3600, ...bound };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const answer = await admin.call("POST", path, {
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec },
  });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body.status.token;
}

/** Makes the pod that a token is bound to: the API server reads the node from it. */
async function podOn(admin: Api, account: string, node: string) {
  await admin.call("POST", "/api/v1/nodes", {
    body: { apiVersion: "v1", kind: "Node", metadata: { name: node } },
  });
  const name = `${account}-${node}`;
  const containers = [{ name: "nicd", image: "registry.example/multinic:1" }];
  const answer = await admin.call("POST", `/api/v1/namespaces/${namespace}/pods`, {
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace },
      spec: { serviceAccountName: account, nodeName: node, containers },
    },
  });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return { apiVersion: "v1", kind: "Pod", name, uid: answer.body.metadata.uid };
}

function withToken(kubeconfig: string, token: string): string {
  const config = JSON.parse(kubeconfig);
  return JSON.stringify({ ...config, users: [{ ...config.users[0], user: { token } }] });
}
