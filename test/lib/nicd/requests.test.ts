import { describe, expect, test } from "bun:test";
import { InvalidInput } from "../../../src/lib/errors.ts";
import { readAttach, readGc, readKey, readStatus } from "../../../src/lib/nicd/requests.ts";
import { attachRequest } from "../../support/attachments.ts";

function faults(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidInput) return error.faults.map((fault) => fault.path);
    throw error;
  }
  return [];
}

const good = attachRequest("c1");

describe("readAttach", () => {
  test("takes a whole request and passes over keys it does not know", () => {
    const request = { nics: 2, masters: ["bond0.100"], target: "25Gbps", class: "cx7" };
    const whole = {
      ...good,
      request,
      ips: ["10.0.0.1/18", "fd00::1"],
      deviceIDs: ["0000:00:05.2"],
    };
    expect(readAttach({ ...whole, later: 1 })).toEqual(whole);
  });

  test.each<[string, object]>([
    ["no Kubernetes (cnitool)", { pod: { namespace: "", name: "", uid: "" } }],
    ["a namespace under /proc", { netns: "/proc/4711/ns/net", netnsDev: "", netnsIno: "" }],
    ["hidden files and dots inside names", { netns: "/run/netns/.a..b" }],
    ["an interface name of 15 characters", { ifname: "data-plane_0.10" }],
    ["two subnets", { ref: { ...good.ref, subnet: "10.0.0.0/8, fd00::/16" } }],
    ["no subnet", { ref: { ...good.ref, subnet: "", masterNets: [], mode: "" } }],
  ])("takes %s", (_, more) => {
    expect(faults(() => readAttach({ ...good, ...more }))).toEqual([]);
  });

  test.each<[string, object]>([
    ["network", { network: "" }],
    ["network", { network: "a/b" }],
    ["network", { network: "a".repeat(254) }],
    ["containerID", { containerID: "-x" }],
    ["containerID", { containerID: 5 }],
    ["ifname", { ifname: ".." }],
    ["ifname", { ifname: "sixteen-letters-" }],
    ["ifname", { ifname: "a b" }],
    ["ifname", { ifname: "a:b" }],
    ["ifname", { ifname: "nöt" }],
    ["pod.uid", { pod: { ...good.pod, uid: "a\nb" } }],
    ["netns", { netns: "run/netns/x" }],
    ["netns", { netns: "" }],
    ["netns", { netns: "/run/../etc" }],
    ["netns", { netns: "/run/netns/." }],
    ["netns", { netns: "/run/\u0000x" }],
    ["netnsIno", { netnsIno: 4026532000 }],
    ["netnsDev", { netnsDev: "0x4" }],
    ["ref.subnet", { ref: { ...good.ref, subnet: "192.168.0.0" } }],
    ["ref.masterNets[1]", { ref: { ...good.ref, masterNets: ["10.0.1.0/24", "eth1"] } }],
    ["ref.masterNets", { ref: { ...good.ref, masterNets: null } }],
    ["ref.pluginType", { ref: { ...good.ref, pluginType: "../ipvlan" } }],
    ["request.nics", { request: { nics: "2" } }],
    ["request.nics", { request: { nics: 1.5 } }],
    ["request.masters[0]", { request: { masters: ["../eth0"] } }],
    ["ips[0]", { ips: ["10.0.0.1/33"] }],
    ["deviceIDs[0]", { deviceIDs: ["../../etc"] }],
    ["ips", { ips: new Array(5_000).fill("10.0.0.1") }],
  ])("names %s in %j", (path, more) => {
    expect(faults(() => readAttach({ ...good, ...more }))).toEqual([path]);
  });

  test("names every fault of an empty request at once", () => {
    expect(faults(() => readAttach({}))).toEqual([
      ...["pod", "network", "containerID", "ifname", "pod.namespace", "pod.name", "pod.uid"],
      ...["netns", "netnsDev", "netnsIno", "ref", "ref.subnet", "ref.masterNets", "ref.pooled"],
      ...["ref.pluginType", "ref.mode", "request", "ips", "deviceIDs"],
    ]);
  });
});

test.each([[null], [[]], ["x"], [undefined]])("readKey refuses %p", (body) => {
  expect(faults(() => readKey("detach", body))).toEqual(["", "network", "containerID", "ifname"]);
});

test("readGc names a bad key by its place", () => {
  const valid = [{ containerID: "c1", ifname: "net1" }, { containerID: "c2" }];
  expect(faults(() => readGc({ network: "net", valid }))).toEqual(["valid[1].ifname"]);
});

test("readStatus takes a network and its definition", () => {
  expect(readStatus({ network: "net", ref: good.ref })).toEqual({ network: "net", ref: good.ref });
});
