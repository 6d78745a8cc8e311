import { existsSync } from "node:fs";
import { join } from "node:path";
import { multusTools } from "./network-tools.ts";
import { writeImage } from "./oci-image.ts";

/** Names of the images that every node holds; nothing is ever pulled. Ours is the one of `make image`, under two names. */
export const pauseImage = "lab.invalid/pause:1";
export const toolsImage = "lab.invalid/tools:1";
export const multinicImage = "lab.invalid/multinic:1";
/** The same program under another name, to roll to. */
export const nextImage = "lab.invalid/multinic:2";
export const multusImage = "lab.invalid/multus:1";

const busybox = "/bin/busybox";

/** Writes the images that stand for other projects', and returns their paths. */
export async function writeImages(folder: string): Promise<string[]> {
  if (!existsSync(busybox)) throw new Error(`${busybox} is missing: run make packages`);
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
