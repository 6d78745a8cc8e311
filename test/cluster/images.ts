import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/lib/lab/process.ts";
import { multusTools } from "./network-tools.ts";
import { writeImage } from "./oci-image.ts";

/** Names of the images that every node holds; nothing is ever pulled. */
export const pauseImage = "lab.invalid/pause:1";
export const toolsImage = "lab.invalid/tools:1";
export const multinicImage = "lab.invalid/multinic:1";
/** The same program under another name, to roll to. */
export const nextImage = "lab.invalid/multinic:2";
export const multusImage = "lab.invalid/multus:1";

/** The compiled program that is tested. */
export const program = join(import.meta.dir, "../../dist/multinic");

const busybox = "/bin/busybox";

/** Writes the images and returns their paths. */
export async function writeImages(folder: string): Promise<string[]> {
  for (const file of [busybox, program]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run make packages build`);
  }
  const multus = await multusTools();
  const passwd = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n";
  const applets = ["sh", "sleep", "ping", "ip", "cat", "cp", "ls", "true"];
  return Promise.all([
    // A sandbox only holds namespaces; it is ended with SIGKILL.
    writeImage(folder, {
      name: pauseImage,
      files: { "/bin/busybox": busybox },
      entrypoint: ["/bin/busybox", "sleep", "2147483647"],
    }),
    writeImage(folder, {
      name: toolsImage,
      files: { "/bin/busybox": busybox },
      links: Object.fromEntries(applets.map((name) => [`/bin/${name}`, "busybox"])),
      // PID 1 has no default action for SIGTERM: without a handler every deletion takes the whole grace period.
      entrypoint: ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"],
    }),
    writeImage(folder, {
      name: multinicImage,
      files: { "/usr/bin/multinic": program, ...(await librariesOf(program)) },
      texts: { "/etc/passwd": passwd },
      // CNI_NETNS names /var/run/netns.
      links: { "/var/run": "../run" },
      entrypoint: ["/usr/bin/multinic"],
    }),
    writeImage(folder, {
      name: multusImage,
      files: {
        "/bin/busybox": busybox,
        "/usr/src/multus-cni/bin/multus-daemon": join(multus, "multus-daemon"),
        "/usr/src/multus-cni/bin/multus-shim": join(multus, "multus-shim"),
        "/usr/src/multus-cni/bin/install_multus": join(multus, "install_multus"),
        // Multus' own Containerfile gives it this name.
        "/usr/src/multus-cni/bin/passthru": join(multus, "passthru-cni"),
      },
      // The daemon looks its user up and dies when there is none.
      texts: { "/etc/passwd": passwd },
      links: {
        "/var/run": "../run",
        ...Object.fromEntries(applets.map((name) => [`/bin/${name}`, "busybox"])),
      },
      entrypoint: ["/usr/src/multus-cni/bin/multus-daemon"],
    }),
  ]);
}

/** Returns a program's loader and shared libraries, each at the path where the loader looks for it. */
async function librariesOf(path: string): Promise<Record<string, string>> {
  const said = await must(["ldd", path]);
  const paths = [...said.matchAll(/(\/\S+)/g)].map((found) => found[1] ?? "");
  return Object.fromEntries(paths.map((file) => [file, realpathSync(file)]));
}
