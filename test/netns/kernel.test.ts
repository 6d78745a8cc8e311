import { describe, expect, test } from "bun:test";
import { canMakeNetns, kernelHas, missing, scratch } from "../support/netns.ts";
import { codeFrom, indexOf, wired } from "../support/wired.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

describe.if(able)("Kernel, links", () => {
  test("addLink makes a veth pair with MAC, MTU, alias and IFF_UP, and link() finds both ends", () => {
    using space = scratch("links");
    const { kernel } = space;
    const options = { mtu: 1400, mac: "02:00:00:00:00:01", up: true, alias: "plane 0" };
    kernel.addLink("a", { kind: "veth", peer: { name: "b" } }, options);
    expect(space.ip("link", "show", "a")[0]).toMatchObject({
      mtu: 1400,
      address: "02:00:00:00:00:01",
      ifalias: "plane 0",
      linkinfo: { info_kind: "veth" },
    });
    expect(kernel.link("a")).toMatchObject({
      up: true,
      carrier: false,
      kind: "veth",
      alias: "plane 0",
    });
    expect(kernel.link("b")?.link).toBe(indexOf(kernel, "a"));
    expect(kernel.link(indexOf(kernel, "b"))?.name).toBe("b");
  });

  test("links() lists what ip lists", () => {
    using space = wired("dump");
    for (let i = 0; i < 40; i++)
      space.kernel.addLink(`v${i}`, { kind: "veth", peer: { name: `w${i}` } });
    const theirs = space.ip("link", "show").map((link) => `${link["ifindex"]} ${link["ifname"]}`);
    expect(space.kernel.links().map((link) => `${link.index} ${link.name}`)).toEqual(theirs);
    expect(theirs.length).toBe(83);
  });

  test("addLink refuses a taken name with EEXIST, saying what it was about to add", () => {
    using space = wired("taken");
    const add = () => space.kernel.addLink("a", { kind: "veth", peer: { name: "c" } });
    expect(codeFrom(add)).toBe("EEXIST");
    expect(add).toThrow("Cannot add veth a: ");
  });

  test("deleteLink tells whether there was one, and takes the peer with it", () => {
    using space = wired("delete");
    expect(space.kernel.deleteLink("a")).toBe(true);
    expect(space.kernel.deleteLink("a")).toBe(false);
    expect(space.kernel.deleteLink(4711)).toBe(false);
    expect(space.kernel.link("b")).toBeUndefined();
  });

  test("altnames find the link, short or long, until they are deleted", () => {
    using space = wired("altnames");
    const { kernel, a } = space;
    for (const name of ["net1", "a-name-longer-than-fifteen"]) kernel.addAltname(a, name);
    expect(kernel.link("net1")?.name).toBe("a");
    expect(kernel.link("a-name-longer-than-fifteen")?.index).toBe(a);
    expect(space.ip("link", "show", "a")[0]?.["altnames"]).toEqual([
      "net1",
      "a-name-longer-than-fifteen",
    ]);
    kernel.deleteAltname(a, "net1");
    expect(kernel.link("net1")).toBeUndefined();
    expect(kernel.link("a")?.altnames).toEqual(["a-name-longer-than-fifteen"]);
  });

  test.if(kernelHas("macvlan"))("addLink puts a macvlan straight into another namespace", () => {
    using host = wired("mv-host");
    using pod = scratch("mv-pod");
    const link = { kind: "macvlan", parent: host.a, mode: "bridge" } as const;
    host.kernel.addLink("net1", link, {
      netnsFd: pod.netns.fd,
      mac: "02:00:00:00:00:09",
      mtu: 1400,
    });
    expect(host.kernel.link("net1")).toBeUndefined();
    expect(pod.ip("link", "show", "net1")[0]).toMatchObject({
      address: "02:00:00:00:00:09",
      mtu: 1400,
      linkinfo: { info_kind: "macvlan", info_data: { mode: "bridge" } },
    });
    const made = pod.kernel.link("net1");
    expect(made).toMatchObject({ link: host.a, macvlan: { mode: "bridge" } });
    expect(made?.linkNetnsid).toBeNumber();
  });

  test("setLink renames, moves and enslaves; master 0 frees", () => {
    using space = wired("set");
    using pod = scratch("set-pod");
    const { kernel } = space;
    kernel.addLink("br0", { kind: "bridge" }, { up: true });
    kernel.setLink(space.b, { master: indexOf(kernel, "br0") });
    expect(space.ip("link", "show", "b")[0]?.["master"]).toBe("br0");
    kernel.setLink(space.b, { master: 0, up: false });
    expect(kernel.link("b")).toMatchObject({ master: 0, up: false });
    kernel.setLink(space.b, { netnsFd: pod.netns.fd, name: "net1" });
    expect(pod.kernel.link("net1")?.kind).toBe("veth");
    expect(kernel.link("b")).toBeUndefined();
  });
});

describe.if(able)("Kernel, addresses", () => {
  test("addAddress adds both families, v6 without duplicate address detection, twice without harm", () => {
    using space = wired("addresses");
    space.kernel.addAddress(space.a, "10.0.1.1/24");
    space.kernel.addAddress(space.a, "fd00:1::1/64", { nodad: true });
    // Behind the filter by scope ip leaves an empty object for each address that it passed over.
    const [shown] = space.ip("addr", "show", "dev", "a", "scope", "global");
    expect(shown?.["addr_info"]).toMatchObject([
      { family: "inet", local: "10.0.1.1", prefixlen: 24 },
      { family: "inet6", local: "fd00:1::1", prefixlen: 64, nodad: true },
      {},
    ]);
    const ours = space.kernel.addresses().filter((one) => one.index === space.a && one.scope === 0);
    expect(ours.map((one) => one.address)).toEqual(["10.0.1.1/24", "fd00:1::1/64"]);
    expect(space.kernel.addresses(4).every((one) => one.family === 4)).toBe(true);
  });

  test("addAddress refuses the same IPv6 address with another prefix length", () => {
    using space = wired("other-length");
    expect(codeFrom(() => space.kernel.addAddress(space.a, "fd00:1::1/65"))).toBe("EEXIST");
  });

  test("deleteAddress takes it away; a missing one is success", () => {
    using space = wired("less");
    for (const _ of [1, 2]) space.kernel.deleteAddress(space.a, "10.0.1.1/24");
    expect(space.ip("-4", "addr", "show", "dev", "a")).toEqual([]);
  });
});
