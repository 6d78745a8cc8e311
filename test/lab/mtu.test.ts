import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  const shape = ["--hosts", "2", "--nics", "2", "--families", "4,6", "--plugin", "macvlan"];
  lab = await TestLab.up(...shape);
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Status and reason of MTUsAgree in the network's conditions. */
async function agreement(): Promise<string> {
  const [network] = await lab.list("multinicnetworks");
  const conditions = network?.status?.["conditions"];
  const list: { type: string; status: string; message: string }[] = Array.isArray(conditions)
    ? conditions
    : [];
  const found = list.find(({ type }) => type === "MTUsAgree");
  return found ? `${found.status}: ${found.message}` : "none";
}

test("a plane whose hosts differ in MTU has a condition, each NIC's is shown, and concheck loses a packet of full size there", async () => {
  for (const [pod, host] of [
    ["a", "host1"],
    ["b", "host2"],
  ])
    await lab.do("lab", "pod", "add", pod ?? "", "--host", host ?? "");
  const good = await lab.try("concheck", "--seconds", "1");
  expect([good.code, good.out.match(/4\/4/g)?.length]).toEqual([0, 2]);
  expect(await agreement()).toBe("none");

  await lab.on("host2", "ip link set eth2 mtu 1400");
  await until("the condition", agreement, (said) =>
    said.startsWith("False: plane 10.0.2.0/24 has MTU 1500 on host1, 1400 on host2"),
  );
  const rows = await lab.list("hostinterfaces");
  const shown = rows.map(({ metadata, status }) => [metadata.name, status?.["interfaces"]]);
  expect(shown).toMatchObject([
    ["host1", [{ mtu: 1500 }, { mtu: 1500 }]],
    ["host2", [{ mtu: 1500 }, { mtu: 1400 }]],
  ]);
  const bad = await lab.try("concheck", "--seconds", "1");
  expect(bad.code).toBe(1);
  expect(bad.out).toContain("a packet of 1500 bytes does not come through");

  await lab.on("host2", "ip link set eth2 mtu 1500");
  await until("it to be mended", agreement, (said) => said.startsWith("True"));
});
