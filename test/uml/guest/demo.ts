/** The demo on a kernel with ipvlan: run by ../scenario.test.ts in a User-Mode Linux guest. */
import { beforeAll, describe, expect, test } from "bun:test";
import { finish, multinic } from "../../support/lab.ts";

describe("lab demo in the guest", () => {
  let shown = "";
  const part = (n: number) => shown.slice(shown.indexOf(`\n${n}. `), shown.indexOf(`\n${n + 1}. `));
  beforeAll(async () => {
    const ended = await finish([multinic, "lab", "demo", "--plugin", "ipvlan", "--mode", "l3"]);
    if (ended.code !== 0) throw new Error(`exit ${ended.code}\n${ended.out}${ended.err}`);
    shown = ended.out;
  });

  test("lab demo plans the worked example for ipvlan l3", () => {
    expect(part(2)).toContain("192.168.0.0/16, ipvlan l3");
    expect(part(2)).toMatch(/host2 +eth2 +192\.168\.65\.0\/24/);
    expect(part(3)).toContain("192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77");
  });

  test("lab demo connects six pairs of hosts over both NICs", () => {
    const rows = part(5).match(/host\d +host\d +\d\/\d/g) ?? [];
    expect(rows.filter((row) => row.endsWith("2/2"))).toHaveLength(6);
  });

  test("lab demo says that the traffic was routed, in 100 columns", () => {
    expect(part(7)).toContain("the traffic was routed");
    expect(part(7)).toContain("eth1: 10.0.1.2 10.0.1.3");
    expect(shown.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });
});
