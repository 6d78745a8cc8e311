import { goTools } from "./go-tools.ts";

const plugins: Readonly<Record<string, string>> = {
  bridge: "github.com/containernetworking/plugins/plugins/main/bridge",
  loopback: "github.com/containernetworking/plugins/plugins/main/loopback",
  "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
  cnitool: "github.com/containernetworking/cni/cnitool",
};

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
