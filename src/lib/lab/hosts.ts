import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Ran } from "../diag/iperf.ts";
import { Failure } from "../errors.ts";
import { HostDevices } from "./devices.ts";
import { run } from "./process.ts";
import { makeProcfs, makeSysfs } from "./sysfs.ts";
import type { LabHost } from "./topology.ts";

/** A host of the lab: a network namespace made by the fabric, and a mount namespace held by one process. */
export interface RunningHost {
  readonly host: LabHost;
  /** Which of its pods has which device. */
  readonly devices: HostDevices;
  /** Its sysfs tree, the same path inside and outside. */
  readonly sysRoot: string;
  /** What NVIDIA's driver has in procfs: the machine's own shows no GPU of the lab. */
  readonly procRoot: string;
  /** Process that holds its namespaces, in the lab's PID namespace. */
  readonly pid: number;
  /** Environment of what runs on it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs a program on the host, to its end. */
  exec(
    command: readonly string[],
    options?: { stdin?: string; env?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Ran>;
  /** Starts a daemon on the host; its output goes to `<lab>/<host>-<name>.log`. */
  spawn(name: string, command: readonly string[], env?: Record<string, string>): Subprocess;
  stop(): Promise<void>;
}

/** The names by which the CNI programs are called, in a folder of the host's own. */
const plugins = ["multi-nic", "multi-nic-ipam", "aws-ipvlan"];
/** Where `multinic` itself is found on a host. */
const programs = "/run/programs";
/** Where Debian's package puts the reference plugins. */
const referencePlugins = "/usr/lib/cni";

/**
 * The first process of a host: everything that a node keeps on disk is laid over the machine's folders, in memory, so
 * that the paths are the standard ones and nothing is left behind. Overlays keep their upper folders on a tmpfs because
 * an overlay refuses another overlay below it.
 */
const firstProcess = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock
for d in /etc /opt /var/lib; do
  mkdir -p /run/.over$d/u /run/.over$d/w
  mount -t overlay overlay -o lowerdir=$d,upperdir=/run/.over$d/u,workdir=/run/.over$d/w $d
done
mkdir -p /opt/cni/bin /var/lib/multinic /etc/iproute2
mount -t tmpfs tmpfs /var/lib/multinic
mkdir -p ${programs}
ln -sfn "$MULTINIC" ${programs}/multinic
for p in ${plugins.join(" ")}; do ln -sfn "$MULTINIC" /opt/cni/bin/$p; done
for p in ${referencePlugins}/*; do [ -e "$p" ] && ln -sfn "$p" /opt/cni/bin/ || true; done
echo ready
exec sleep infinity`;

/** Starts a host whose network namespace the fabric has made. `program` is the multinic binary. */
export async function startHost(
  host: LabHost,
  lab: { readonly dir: string; readonly program: string; readonly path: string },
): Promise<RunningHost> {
  const sysRoot = join(lab.dir, host.name, "sys");
  mkdirSync(join(lab.dir, host.name), { recursive: true });
  const procRoot = join(lab.dir, host.name, "proc");
  makeSysfs(sysRoot, host);
  makeProcfs(procRoot, host);
  const clean = { PATH: `${lab.path}:${programs}`, MULTINIC_ALL_PROCESSES: "1", LANG: "C.UTF-8" };
  const holder = Bun.spawn(
    [
      "nsenter",
      `--net=/run/netns/${host.name}`,
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      firstProcess,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...clean, MULTINIC: lab.program } },
  );
  const first = await holder.stdout.getReader().read();
  if (first.done || !new TextDecoder().decode(first.value).startsWith("ready")) {
    throw new Failure(`Cannot start ${host.name}`, {
      cause: (await new Response(holder.stderr).text()).trim(),
    });
  }
  const inside = ["nsenter", "-t", String(holder.pid), "-m", "-n", "--"];
  const daemons = new Set<Subprocess>();
  const exec: RunningHost["exec"] = (command, options) =>
    run([...inside, ...command], { ...options, env: { ...clean, ...options?.env } });
  return {
    host,
    devices: new HostDevices({ host, exec }),
    sysRoot,
    procRoot,
    pid: holder.pid,
    environment: clean,
    exec,
    spawn(name, command, env) {
      const log = openSync(join(lab.dir, `${host.name}-${name}.log`), "a", 0o600);
      const child = Bun.spawn([...inside, ...command], {
        stdin: "ignore",
        stdout: log,
        stderr: log,
        env: { ...clean, ...env },
      });
      daemons.add(child);
      void child.exited.then(() => daemons.delete(child));
      return child;
    },
    async stop() {
      for (const child of daemons) child.kill("SIGTERM");
      await Promise.all([...daemons].map((child) => child.exited));
      holder.kill("SIGKILL");
      await holder.exited;
    },
  };
}
