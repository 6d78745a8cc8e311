import type { CniDeps, NodeCalls } from "../../src/lib/cni/deps.ts";
import { type Invocation, parseInvocation } from "../../src/lib/cni/invocation.ts";
import type { RdmaWorld } from "../../src/lib/cni/rdma-world.ts";
import { Failure } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { AttachedInterface, AttachmentKey } from "../../src/lib/node/contract.ts";
import { FakeNamespace, fakeKernel } from "./fakenamespace.ts";

/** What the commands did to the world. */
export interface FakeWorld {
  readonly deps: CniDeps;
  readonly host: FakeNamespace;
  readonly pod: FakeNamespace;
  /** Each verb at nicd with its body. */
  readonly asked: { verb: string; body: unknown }[];
  readonly buried: AttachmentKey[];
  /** Each call of another plugin. */
  readonly plugins: { command: string; type: string; ifname: string; config: Json; args: string }[];
  /** Kernel settings written in the pod, `name=value`. */
  readonly sysctls: readonly string[];
  /** One entry for each pause. */
  readonly pauses: readonly number[];
}

type Json = Record<string, unknown>;

export interface FakeOptions {
  readonly interfaces?: readonly Partial<AttachedInterface>[];
  readonly node?: Partial<NodeCalls>;
  readonly ffi?: boolean;
  readonly rdma?: RdmaWorld;
  /** Interfaces of PCI functions that the host has. */
  readonly interfacesOf?: Readonly<Record<string, readonly string[]>>;
  /** What another plugin answers; a Json answer with `code` makes it fail. */
  readonly plugin?: (call: { command: string; type: string; ifname: string; config: Json }) => Json;
}

export const workedExample: readonly AttachedInterface[] = [
  nic(0, "eth1", "10.0.1.0/24", "192.168.0.1/18"),
  nic(1, "eth2", "10.0.2.0/24", "192.168.64.1/18"),
];

export function nic(
  index: number,
  master: string,
  netAddress: string,
  ...addresses: string[]
): AttachedInterface {
  return {
    name: `net1-${index}`,
    master,
    netAddress,
    pciAddress: `0000:00:0${5 + index}.0`,
    addresses,
  };
}

/** Makes a host with eth1 and eth2, an empty pod, and a nicd that answers with the worked example. */
export function fakeWorld(options: FakeOptions = {}): FakeWorld {
  const host = new FakeNamespace();
  const pod = new FakeNamespace();
  host.addLink("eth1");
  host.addLink("eth2");
  const asked: FakeWorld["asked"] = [];
  const buried: AttachmentKey[] = [];
  const plugins: FakeWorld["plugins"] = [];
  const sysctls: string[] = [];
  const pauses: number[] = [];
  const note =
    <T>(verb: string, answer: (body: T & AttachmentKey) => unknown) =>
    async (body: T & AttachmentKey) => {
      asked.push({ verb, body });
      return answer(body);
    };
  const interfacesFor = (body: AttachmentKey) =>
    (options.interfaces ?? workedExample).map((each, i) => ({
      ...each,
      name: `${body.ifname}-${i}`,
    }));
  const node = {
    attach: note("attach", (body) => ({ interfaces: interfacesFor(body), reason: "scripted" })),
    detach: note("detach", () => ({ released: [] })),
    check: note("check", (body) => ({
      interfaces: interfacesFor(body),
      reason: "",
      netns: "/pod",
    })),
    gc: note("gc", () => ({ released: [] })),
    status: note("status", () => ({ ready: true, limited: false, reasons: [] })),
    ...options.node,
  } as NodeCalls;
  const noFfi = () => {
    throw new Failure("no FFI", { code: "NoFFI" });
  };
  const adding = new Set<string>();
  const stop = (key: AttachmentKey) => adding.delete(JSON.stringify(key));
  const deps: CniDeps = {
    node,
    underWay: {
      begin(key) {
        adding.add(JSON.stringify(key));
        return () => stop(key);
      },
      stop,
    },
    bury: (key) => void buried.push(key),
    sockets: async () => ({
      openKernel: options.ffi === false ? noFfi : () => fakeKernel(host, pod),
      openNetns:
        options.ffi === false
          ? noFfi
          : (path) => {
              if (path !== "/pod") throw new Failure(`no ${path}`, { code: "ENOENT" });
              return {
                path,
                fd: 9,
                dev: 4n,
                ino: 2n,
                open: () => fakeKernel(pod, pod),
                close: () => {},
                [Symbol.dispose]: () => {},
              };
            },
      setSysctls(_netns, wanted) {
        sysctls.push(...wanted.map(({ name, value }) => `${name}=${value}`));
        return [];
      },
    }),
    canFfi: () => options.ffi !== false,
    identify: (path) => ({ dev: 4n, ino: path === "/proc/self/ns/net" ? 1n : 2n }),
    rdma: async () => options.rdma,
    interfacesOf: async (pciAddress) => options.interfacesOf?.[pciAddress] ?? [],
    pause: async () => void pauses.push(1),
    takeSlot: async () => () => {},
    findPlugin: async (type, path) => {
      if (type === "missing")
        throw new Failure(`Cannot find the plugin ${type} in ${path.join(":")}`);
      return `/cni/${type}`;
    },
    async runPlugin(file, { env, stdin }) {
      const config: Json = JSON.parse(stdin);
      const type = file.split("/").at(-1) ?? "";
      const command = env["CNI_COMMAND"] ?? "";
      const ifname = env["CNI_IFNAME"] ?? "";
      plugins.push({ command, type, ifname, config, args: env["CNI_ARGS"] ?? "" });
      const answer = options.plugin?.({ command, type, ifname, config }) ?? {};
      return { exitCode: "code" in answer ? 3 : 0, stdout: JSON.stringify(answer) };
    },
    log: silentLog,
  };
  return { deps, host, pod, asked, buried, plugins, sysctls, pauses };
}

/** Builds a call as Multus makes it, for the pod at `/pod`. */
export function fakeCall(
  command: string,
  env: Record<string, string | undefined> = {},
): Invocation {
  return parseInvocation(
    {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/pod",
      CNI_IFNAME: "net1",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1;K8S_POD_UID=u1",
      ...env,
    },
    { suffix: 2 },
  );
}
