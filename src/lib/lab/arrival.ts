import type { HostInterface } from "../api/kinds.ts";
import { eventually } from "./eventually.ts";
import type { Lab } from "./lab.ts";

/** Waits until the nicd of every host of the lab has said which NICs there are, and returns that. */
export async function everyHost(lab: Lab): Promise<readonly HostInterface[]> {
  const { hosts } = lab.options.topology;
  return eventually("HostInterfaces", async () => {
    const { items } = await lab.kube.list("HostInterface");
    return items.length === hosts.length
      ? { value: items }
      : { not: `${items.length} of ${hosts.length} hosts` };
  });
}
