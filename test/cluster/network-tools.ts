import { join } from "node:path";
import { environment } from "../../src/lib/settings.ts";
import { goTools } from "./go-tools.ts";

const plugins: Readonly<Record<string, string>> = {
  bridge: "github.com/containernetworking/plugins/plugins/main/bridge",
  loopback: "github.com/containernetworking/plugins/plugins/main/loopback",
  "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
  cnitool: "github.com/containernetworking/cni/cnitool",
};

/** The plugins that multi-nic is tried with beside Debian's, which are of 2023. */
const delegates = ["macvlan", "host-device", "bridge", "host-local", "static"];

/** Returns the folder with the current reference plugins for delegation. */
export function delegateTools(): Promise<string> {
  const at = "github.com/containernetworking/plugins/plugins";
  const found = (tool: string) =>
    plugins[tool] ?? `${at}/${tool === "static" ? "ipam" : "main"}/${tool}`;
  return goTools({ name: "plugins", package: found }, delegates);
}

/** Returns the folder with the reference plugins that a cluster network is made of, and cnitool. */
export function pluginTools(): Promise<string> {
  const found = (tool: string) => plugins[tool] ?? "";
  return goTools({ name: "plugins", package: found }, Object.keys(plugins));
}

/** Returns the folder with Multus: `multus` (thin); daemon, shim and what lays them down (thick). */
export function multusTools(): Promise<string> {
  const at = "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd";
  return goTools({ name: "multus", package: (tool) => `${at}/${tool}` }, [
    "multus",
    "multus-daemon",
    "multus-shim",
    "install_multus",
    "passthru-cni",
  ]);
}

/** Returns the folder with whereabouts' plugin (as `cmd`), and that with the manifests of its kinds. */
export async function whereaboutsTools(): Promise<{ folder: string; crds: string }> {
  const module = "github.com/k8snetworkplumbingwg/whereabouts";
  const folder = await goTools({ name: "whereabouts", package: (tool) => `${module}/${tool}` }, [
    "cmd",
  ]);
  const list = ["go", "list", "-m", "-f", "{{.Dir}}", module];
  const cwd = join(import.meta.dir, "whereabouts");
  const { exitCode, stdout, stderr } = Bun.spawnSync(list, { cwd, env: environment() });
  if (exitCode !== 0) throw new Error(`${list.join(" ")}: ${stderr.toString()}`);
  return { folder, crds: join(stdout.toString().trim(), "doc/crds") };
}
