import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../errors.ts";
import { must } from "./process.ts";

/** Folder of the lab when none is named: there is one lab of a machine. */
export function defaultDir(): string {
  return join(tmpdir(), "multinic-lab");
}

/**
 * Command that runs a program as first process of namespaces of its own: whatever it starts or makes goes when it ends,
 * because the kernel kills every process of a PID namespace with its first one (pid_namespaces(7)).
 */
export function enclosed(command: readonly string[]): string[] {
  return [
    "unshare",
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
    "--",
    ...command,
  ];
}

/** Names that a lab gives to links and network namespaces; all others come and go without it. */
const ownLink = /^(mgmt|plane\d+|h\d+-.+|ipvlanprobe.*)$/;
const ownNamespace = /^(host\d+|cni-.+)$/;

/** What a lab could leave on the machine: links and named network namespaces of the caller's own namespace. */
export async function machineState(): Promise<string[]> {
  const links = JSON.parse(await must(["ip", "-j", "link"])) as { ifname: string }[];
  const namespaces = (await must(["ip", "netns"])).split("\n").filter((line) => line.trim() !== "");
  return [
    ...links.flatMap(({ ifname }) => (ownLink.test(ifname) ? [`link ${ifname}`] : [])),
    ...namespaces.flatMap((line) => {
      const [name = ""] = line.split(" ");
      return ownNamespace.test(name) ? [`netns ${name}`] : [];
    }),
  ];
}

/** Checks what a lab needs of its caller and the machine before anything is made. */
export function checkMachine(): void {
  if (process.getuid?.() !== 0) {
    throw new Failure("Cannot start the lab", {
      cause: "it makes network namespaces: run it as root",
    });
  }
  for (const program of ["ip", "unshare", "nsenter"]) {
    if (Bun.which(program) === null) {
      throw new Failure("Cannot start the lab", {
        cause: `${program} is not installed: it is in Debian's packages iproute2 and util-linux`,
      });
    }
  }
}
