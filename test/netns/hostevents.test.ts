import { describe, expect, test } from "bun:test";
import type { KernelEvent } from "../../src/lib/linux/kernel.ts";
import { watchKernel } from "../../src/lib/linux/monitor.ts";
import { HostEvents } from "../../src/lib/nicd/hostevents.ts";
import { kernelHas, scratch } from "../support/netns.ts";

describe.skipIf(!kernelHas("macvlan"))("HostEvents in a namespace", () => {
  test("passes on nothing of what forty pods do to their host and its NIC", async () => {
    using host = scratch("sift-host");
    using pod = scratch("sift-pod");
    const { kernel } = host;
    kernel.addLink("eth1", { kind: "veth", peer: { name: "eth1-far" } });
    const eth1 = kernel.link("eth1")?.index ?? 0;
    kernel.setLink(eth1, { up: true });
    const stop = new AbortController();
    const events = new HostEvents(({ name }) => name === "eth1");
    const told = events.sift(watchKernel({ netns: host.netns }, stop.signal));
    const first = told.next();
    for (let i = 0; i < 40; i++) {
      const [veth, nic] = [`veth${i}`, `net1-${i}`];
      kernel.addLink(veth, { kind: "veth", peer: { name: `${veth}p`, netnsFd: pod.netns.fd } });
      kernel.setLink(kernel.link(veth)?.index ?? 0, { up: true });
      kernel.addLink(
        nic,
        { kind: "macvlan", parent: eth1, mode: "bridge" },
        { netnsFd: pod.netns.fd },
      );
      pod.kernel.setLink(pod.kernel.link(nic)?.index ?? 0, { up: true });
      pod.kernel.deleteLink(nic);
      kernel.deleteLink(veth);
    }
    kernel.setLink(eth1, { mtu: 1400 });
    // What was first told of it, and the change; its own IPv6 address and routes may come between.
    const links: KernelEvent[] = [];
    for (let event = await first; !event.done; event = await told.next()) {
      if (event.value.kind !== "link") continue;
      links.push(event.value);
      if (event.value.link.mtu === 1400) break;
    }
    stop.abort();
    const names = links.map((event) => event.kind === "link" && event.link.name);
    expect(new Set(names)).toEqual(new Set(["eth1"]));
    // Its operational state may follow late; each macvlan was told of twice in its name.
    expect(names.length).toBeLessThan(10);
  });
});
