import { describe, expect, test } from "bun:test";
import { examineLinks, type LinksSeen, leakedLinks } from "../../../src/lib/plan/doctor-links.ts";
import type { Held, SeenNamespace, SeenPodLink } from "../../../src/lib/plan/held.ts";
import { heldOne, linkOf, namespaceOf } from "./doctorworld.ts";

const held = heldOne("c1", ["192.168.0.1", "192.168.64.1"]);

function seen(change: Partial<LinksSeen> = {}): LinksSeen {
  return {
    now: 10_000_000,
    held: [held],
    namespaces: [namespaceOf(held)],
    hostLinks: [
      { name: "eth1", mtu: 1500, addresses: ["10.0.1.1/24"] },
      { name: "eth2", mtu: 1500, addresses: ["10.0.2.1/24"] },
    ],
    podCIDRs: ["192.168.0.0/24", "192.168.64.0/24"],
    excludes: ["192.168.0.250", "192.168.64.0/28"],
    ...change,
  };
}

/** The pod's namespace with its first link changed. */
function first(change: Partial<SeenPodLink>): Partial<LinksSeen> {
  const namespace = namespaceOf(held);
  const links = namespace.links.map((link) =>
    link.name === "net1-0" ? { ...link, ...change } : link,
  );
  return { namespaces: [{ ...namespace, links }] };
}

/** The pod's namespace and another one with these links. */
function beside(links: SeenPodLink[], processes: number[] = []): Partial<LinksSeen> {
  const other = { path: "/run/netns/x", dev: "4", ino: "999", processes, links };
  return { namespaces: [namespaceOf(held), other] };
}

const names = (change?: Partial<LinksSeen>) =>
  examineLinks(seen(change)).map(({ name, mend }) => [name, mend]);

describe("examineLinks", () => {
  test("finds nothing where links and record agree", () => {
    expect(names()).toEqual([]);
    const sloppy: Held = { ...held, netnsDev: "", netnsIno: "" };
    expect(names({ held: [sloppy] })).toEqual([]);
  });
  test("says nothing of an attachment whose namespace it has not seen", () => {
    expect(names({ namespaces: [] })).toEqual([]);
  });

  const cases: [string, Partial<LinksSeen>, [string, string][]][] = [
    [
      "a link that is not there",
      { namespaces: [{ ...namespaceOf(held), links: namespaceOf(held).links.slice(1) }] },
      [["LinkMissing", "kubectl -n default delete pod c1"]],
    ],
    [
      "a link that was renamed, with its address",
      first({ name: "other" }),
      [
        ["LinkMissing", "kubectl -n default delete pod c1"],
        ["AddressTwice", "nsenter --net=/run/netns/c1 ip addr del 192.168.0.1/18 dev other"],
      ],
    ],
    [
      "a link on another NIC",
      first({ master: "eth2" }),
      [["LinkMisplaced", "kubectl -n default delete pod c1"]],
    ],
    [
      "a link of another kind",
      first({ kind: "macvlan", mode: "bridge" }),
      [["LinkMisplaced", "kubectl -n default delete pod c1"]],
    ],
    [
      "an ipvlan whose mode was switched",
      first({ mode: "l2" }),
      [["ModeSwitched", "nsenter --net=/run/netns/c1 ip link set dev net1-0 type ipvlan mode l3"]],
    ],
    [
      "a link that is down",
      first({ up: false }),
      [["LinkDown", "nsenter --net=/run/netns/c1 ip link set dev net1-0 up"]],
    ],
    [
      "an address that was taken away",
      first({ addresses: ["fe80::1/64"] }),
      [["AddressMissing", "nsenter --net=/run/netns/c1 ip addr add 192.168.0.1/18 dev net1-0"]],
    ],
    [
      "an MTU above the NIC's",
      first({ mtu: 9000 }),
      [["MtuAboveMaster", "nsenter --net=/run/netns/c1 ip link set dev net1-0 mtu 1500"]],
    ],
    [
      "an address that nothing gave",
      first({ addresses: ["192.168.0.1/18", "192.168.0.9/18"] }),
      [["AddressUnrecorded", "nsenter --net=/run/netns/c1 ip addr del 192.168.0.9/18 dev net1-0"]],
    ],
    [
      "an address stolen by another program's link",
      beside([
        linkOf({ name: "eth0", kind: "veth", master: undefined, addresses: ["192.168.64.1/32"] }),
      ]),
      [["AddressTwice", "nsenter --net=/run/netns/x ip addr del 192.168.64.1/32 dev eth0"]],
    ],
    [
      "an address on the host",
      {
        hostLinks: [{ name: "eth1", mtu: 1500, addresses: ["192.168.0.1/32", "192.168.64.30/32"] }],
      },
      [
        ["AddressTwice", "ip addr del 192.168.0.1/32 dev eth1"],
        ["AddressUnrecorded", "ip addr del 192.168.64.30/32 dev eth1"],
      ],
    ],
    [
      "a link of ours that no attachment has",
      beside([linkOf({ addresses: ["192.168.0.7/18"] })]),
      [["LinkLeaked", "multinic gc"]],
    ],
    [
      "a link of ours without address, by its other name",
      beside([linkOf({ addresses: [], altnames: ["net1"] })]),
      [["LinkLeaked", "multinic gc"]],
    ],
    [
      "a link of ours in a namespace where a process lives",
      beside([linkOf({ addresses: ["192.168.0.7/18"] })], [77]),
      [
        [
          "LinkLeaked",
          "nsenter --net=/run/netns/x ip link del dev net1-0   # or delete the pod of process 77",
        ],
      ],
    ],
    [
      "two modes on record for one NIC",
      { held: [held, { ...heldOne("c2", ["192.168.0.2"]), network: "other", mode: "l2" }] },
      [["ModeMixed", "kubectl -n default delete pod c2"]],
    ],
  ];
  for (const [what, change, found] of cases) {
    test(`finds ${what}`, () => expect(names(change)).toEqual(found));
  }

  test("says nothing of an attachment whose links are being made, but of one that has some of them", () => {
    const empty = { ...namespaceOf(held), links: [] };
    const young = held.attachedAt + 60_000;
    expect(names({ now: young, namespaces: [empty] })).toEqual([]);
    const [link] = namespaceOf(held).links;
    const half = { ...empty, links: link ? [link] : [] };
    expect(names({ now: young, namespaces: [half] }).map(([name]) => name)).toEqual([
      "LinkMissing",
    ]);
  });
  test("knows the link that another plugin made, with addresses of ours, by CNI's own name", () => {
    expect(names(first({ name: "net1" }))).toEqual([]);
  });
  test("quotes what a pod has named: a printed command is pasted as root", () => {
    const link = linkOf({ name: "a;reboot", kind: "dummy", addresses: ["192.168.0.7/18"] });
    expect(names(beside([link]))).toEqual([
      ["AddressUnrecorded", "nsenter --net=/run/netns/x ip addr del 192.168.0.7/18 dev 'a;reboot'"],
    ]);
  });
  test("leaves alone what is not ours: no master here, no number in the name, an excluded address", () => {
    const foreign = [
      linkOf({ master: undefined, addresses: ["10.9.9.9/24"] }),
      linkOf({ name: "net2", addresses: [], altnames: ["net2"] }),
      linkOf({ name: "mine-0", addresses: [], altnames: [] }),
    ];
    expect(names(beside(foreign))).toEqual([]);
    const own = { name: "eth1", mtu: 1500, addresses: ["192.168.0.250/24"] };
    expect(names({ hostLinks: [own] })).toEqual([]);
  });
  test("leaves the links of plugins that we call to them, but for being there", () => {
    const sriov: Held = { ...held, pluginType: "sriov", mode: "" };
    expect(names({ held: [sriov], ...first({ kind: "", master: undefined, mtu: 9000 }) })).toEqual(
      [],
    );
  });
});

test("leakedLinks are those that doctor names, with their namespaces", () => {
  const spaces = beside([linkOf({ addresses: ["192.168.0.7/18"] })]).namespaces ?? [];
  const found = leakedLinks({ held: [held], namespaces: spaces, podCIDRs: ["192.168.0.0/24"] });
  const say = ({ namespace, link }: { namespace: SeenNamespace; link: SeenPodLink }) =>
    `${namespace.path} ${link.name}`;
  expect(found.map(say)).toEqual(["/run/netns/x net1-0"]);
  expect(leakedLinks({ held: [held], namespaces: [namespaceOf(held)], podCIDRs: [] })).toEqual([]);
});
