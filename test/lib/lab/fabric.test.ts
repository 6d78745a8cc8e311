import { expect, test } from "bun:test";
import { fabricCommands, hostCommands } from "../../../src/lib/lab/fabric.ts";
import { type LabSpec, layOut } from "../../../src/lib/lab/topology.ts";

const topology = (change: Partial<LabSpec>) =>
  layOut({ hosts: 2, nics: 2, kinds: ["nic"], families: [4], ...change });

test("fabricCommands wire every host to the management bridge and to one bridge per plane", () => {
  const commands = fabricCommands(topology({}));
  for (const bridge of ["mgmt", "plane0", "plane1"])
    expect(commands).toContain(`link add ${bridge} type bridge`);
  expect(commands).toContain("addr add 192.0.2.254/24 dev mgmt");
  expect(commands).toContain("link add eth2 netns host2 type veth peer name h2-eth2");
  expect(commands).toContain("link set h2-eth2 master plane1 up");
  expect(commands).toContain("link set h2-eth0 master mgmt up");
});

test("fabricCommands make every namespace before what is put into it, and no name over 15 bytes", () => {
  const shape = topology({ hosts: 64, nics: 16, kinds: ["bond"] });
  const seen = new Set<string>();
  for (const command of fabricCommands(shape)) {
    const [, made] = /^netns add (\S+)/.exec(command) ?? [];
    if (made !== undefined) seen.add(made);
    const [, into] = /netns (\S+) type/.exec(command) ?? [];
    if (into !== undefined) expect(seen.has(into)).toBe(true);
    for (const [, name = ""] of command.matchAll(/(?:add|name|set) (\S+)/g))
      expect(name.length).toBeLessThan(16);
  }
});

test("hostCommands give a host its addresses, a default route, and the links that its NICs are made of", () => {
  const shape = topology({ nics: 3, kinds: ["nic", "vlan", "bond"], families: [4, 6] });
  const [host] = shape.hosts;
  if (!host) throw new Error("a host was laid out");
  const commands = hostCommands(host, shape);
  expect(commands).toContain("route add default via 192.0.2.254");
  expect(commands).toContain("link add link eth2 name eth2.100 type vlan id 100");
  expect(commands).toContain("addr add 10.0.2.1/24 dev eth2.100");
  expect(commands).toContain("addr add fd00:10:1::1/64 dev eth1 nodad");
  const bond = commands.indexOf("link set eth3a master bond3");
  // A port must be down when it joins a bond.
  expect(bond).toBeGreaterThan(0);
  expect(commands.indexOf("link set eth3a up")).toBeGreaterThan(bond);
});
