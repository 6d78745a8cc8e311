import { describe, expect, test } from "bun:test";
import { lookAtNamespaces } from "../../src/lib/diag/namespaces.ts";
import { canMakeNetns, hostKernel, missing, scratch } from "../support/netns.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

describe.skipIf(!able)("Kernel.nsidOf", () => {
  test("gives the number under which a link's other end is known, and none for a stranger", () => {
    using one = scratch("nsid-one");
    using two = scratch("nsid-two");
    using stranger = scratch("nsid-three");
    one.kernel.addLink("here", { kind: "veth", peer: { name: "there", netnsFd: two.netns.fd } });
    const here = one.kernel.link("here");
    expect(here?.linkNetnsid).toBeNumber();
    expect(one.kernel.nsidOf(two.netns.fd)).toBe(here?.linkNetnsid);
    expect(one.kernel.nsidOf(stranger.netns.fd)).toBeUndefined();
  });
});

describe.skipIf(!able)("lookAtNamespaces", () => {
  test("names a link's master only where that is this namespace's own, and who lives there", async () => {
    using pod = scratch("look-pod");
    using other = scratch("look-other");
    using host = hostKernel();
    // A master in a third namespace has an index that means another NIC here.
    other.kernel.addLink("nic", { kind: "veth", peer: { name: "far" } });
    const parent = other.kernel.link("nic")?.index ?? 0;
    other.kernel.addLink(
      "net1-0",
      { kind: "macvlan", parent, mode: "bridge" },
      { netnsFd: pod.netns.fd },
    );
    const link = pod.kernel.link("net1-0");
    pod.kernel.addAddress(link?.index ?? 0, "192.168.0.7/18");
    const child = Bun.spawn(["nsenter", `--net=${pod.netns.path}`, "cat"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    // It answers once it is inside.
    child.stdin.write("in\n");
    child.stdin.flush();
    await child.stdout.getReader().read();
    const { namespaces } = lookAtNamespaces(host, []);
    child.kill();
    await child.exited;
    const seen = namespaces.find(({ path }) => path === pod.netns.path);
    expect(seen?.processes).toEqual([child.pid]);
    expect(seen?.links.find(({ name }) => name === "net1-0")).toMatchObject({
      kind: "macvlan",
      mode: "bridge",
      master: undefined,
      addresses: ["192.168.0.7/18"],
    });
  });
});
