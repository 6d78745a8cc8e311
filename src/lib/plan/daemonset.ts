import type { Config, ConfigSpec } from "../api/kinds.ts";
import { generatedLabel } from "../api/meta.ts";
import { InvalidInput } from "../errors.ts";
import { cniBinPath, hostUsrPath, mountsOf } from "./daemonmounts.ts";

/** What the DaemonSet is made from beside its Config. */
export interface DaemonSources {
  readonly namespace: string;
  /** The operator's own image, which takes the place of v1.3's default one. */
  readonly image?: string | undefined;
  /** The host's CNI folder as Multus' own pods mount it; undefined = Config's `cnibin` mount, else /opt/cni/bin. */
  readonly cniBinDir?: string | undefined;
}

/** The label of v1.3's pods; a DaemonSet's selector is immutable, so it stays. */
const labels = { app: "multi-nicd" };

/** Least that nicd runs with (NET_ADMIN for routes and rules); `privileged` is said so that taking over v1.3's unsets it. */
const leastPrivilege = {
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsUser: 0,
  capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/**
 * Makes nicd's DaemonSet (apps/v1) from its Config. Log level and intervals are not in it: nicd reads them from Config
 * as they change. No owner reference: a foreground deletion of Config would kill nicd before it has cleaned its host.
 * Throws InvalidInput when the image is v1.3's and the operator's own is not known.
 */
export function daemonSet(config: Config, sources: DaemonSources) {
  const { daemon } = config.spec;
  const { volumes, volumeMounts } = mountsOf(daemon.mounts ?? [], sources.cniBinDir);
  const probe = (path: string) => ({ httpGet: { path, port: daemon.port, scheme: "HTTP" } });
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: {
      name: config.metadata.name,
      namespace: sources.namespace,
      labels: { ...labels, [generatedLabel]: "true" },
    },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          dnsPolicy: "ClusterFirstWithHostNet",
          priorityClassName: "system-node-critical",
          serviceAccountName: "multi-nicd",
          terminationGracePeriodSeconds: 30,
          // A Service's name must not become a variable that the runtime obeys (docs/security.md).
          enableServiceLinks: false,
          ...(daemon.nodeSelector !== undefined && { nodeSelector: daemon.nodeSelector }),
          ...(daemon.tolerations !== undefined && { tolerations: daemon.tolerations }),
          ...(daemon.imagePullSecretName && {
            imagePullSecrets: [{ name: daemon.imagePullSecretName }],
          }),
          containers: [
            {
              name: config.metadata.name,
              image: imageOf(config.spec, sources.image),
              ...(daemon.imagePullPolicy && { imagePullPolicy: daemon.imagePullPolicy }),
              command: ["/usr/bin/multinic"],
              args: ["nicd", `--health-port=${daemon.port}`],
              env: environmentOf(config),
              ...(daemon.envFrom !== undefined && { envFrom: daemon.envFrom }),
              ports: [
                {
                  name: "metrics",
                  containerPort: daemon.port,
                  hostPort: daemon.port,
                  protocol: "TCP",
                },
              ],
              resources: daemon.resources ?? { requests: { cpu: "100m", memory: "50Mi" } },
              securityContext: securityContextOf(daemon.securityContext),
              startupProbe: { ...probe("/healthz"), periodSeconds: 1, failureThreshold: 60 },
              livenessProbe: { ...probe("/healthz"), periodSeconds: 10, timeoutSeconds: 5 },
              readinessProbe: { ...probe("/readyz"), periodSeconds: 5, timeoutSeconds: 5 },
              volumeMounts,
            },
          ],
          volumes,
        },
      },
    },
  };
}

/** Last path component of v1.3's default image, whatever registry it was mirrored to. */
const upstreamImage = /(^|\/)multi-nic-cni-daemon(:v[01]\.[0-9.]+)?$/;

function imageOf(spec: ConfigSpec, own: string | undefined): string {
  const { image } = spec.daemon;
  if (image !== "" && !upstreamImage.test(image)) return image;
  if (own) return own;
  const problem = `is ${JSON.stringify(image)}, the daemon of v1.3, and the operator does not know its own image: name nicd's image here, or set OPERATOR_IMAGE for the operator`;
  throw new InvalidInput("Cannot make nicd's DaemonSet", [{ path: "spec.daemon.image", problem }]);
}

/** Config's own context, unless it is empty or v1.3's default `{privileged: true}`. */
function securityContextOf(own: Record<string, unknown> | undefined): Record<string, unknown> {
  const keys = Object.keys(own ?? {});
  const upstreamDefault = keys.length === 1 && own?.["privileged"] === true;
  return own === undefined || keys.length === 0 || upstreamDefault ? leastPrivilege : own;
}

/** What nicd is told, after Config's own variables; a name that Config sets is Config's. */
function environmentOf(config: Config): Record<string, unknown>[] {
  const own = config.spec.daemon.env ?? [];
  const ours: Record<string, unknown>[] = [
    {
      name: "K8S_NODENAME",
      valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } },
    },
    { name: "MULTINIC_IPROUTE2_DIR", value: "/host/etc/iproute2" },
    { name: "MULTINIC_CNI_DIR", value: cniBinPath },
    { name: "MULTINIC_HOST_USR", value: hostUsrPath },
  ];
  const named = new Set(own.map((variable) => variable["name"]));
  return [...own, ...ours.filter((variable) => !named.has(variable["name"]))];
}
