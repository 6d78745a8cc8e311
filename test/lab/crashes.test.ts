import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askLab } from "../../src/lib/lab/control.ts";
import { killed, type PointsOf } from "../support/faults.ts";
import { multinic, TestLab, until } from "../support/lab.ts";

let lab: TestLab;
let routes: string[];

beforeAll(async () => {
  lab = await TestLab.up("--hosts", "2", "--nics", "2", "--plugin", "macvlan");
  await lab.do("lab", "pod", "add", "keeper", "--host", "host1");
  routes = await until(
    "routes",
    () => lab.routes("host1"),
    (seen) => seen.length === 3,
  );
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Starts host1's nicd so that it ends at a point; `serving` waits until it takes requests. Answers how it ended. */
async function armed(point: string, serving: boolean): Promise<{ ended: Promise<string> }> {
  const env = `MULTINIC_FAULT=${point} MULTINIC_SYS_ROOT=${lab.dir}/host1/sys MULTINIC_IPROUTE2_DIR=/etc/iproute2`;
  const nicd = `timeout 60 ${multinic} nicd --kubeconfig $KUBECONFIG --node host1 --health-port 0`;
  await lab.on("host1", "rm -f /run/armed.log");
  const ended = lab
    .try(
      ...["lab", "exec", "--host", "host1", "--", "sh", "-c"],
      `${env} ${nicd} >/run/armed.log 2>&1; echo "ended with $?"`,
    )
    .then(({ out }) => out.trim());
  if (serving) {
    await until(
      "nicd",
      () => lab.on("host1", "cat /run/armed.log 2>/dev/null || true"),
      (log) => log.includes('"serving"'),
    );
  }
  return { ended };
}

const stopped = () => lab.do("lab", "daemon", "kill", "--host", "host1");
const started = () => lab.do("lab", "daemon", "start", "--host", "host1");
const add = (name: string) => lab.do("lab", "pod", "add", name, "--host", "host1");
const del = (name: string) => lab.do("lab", "pod", "del", name);
const died = `ended with ${killed}`;

/** Pools, pods and the kernel agree; the node's routes are as they were; a pod can come and go. */
async function expectSound(): Promise<void> {
  const pods = async () =>
    (await askLab(lab.dir, "pods", {}))
      .flatMap((pod) =>
        pod.interfaces.flatMap(({ addresses }) =>
          addresses.map((each) => `${pod.host} ${each.split("/")[0]} ${pod.name}`),
        ),
      )
      .sort();
  const whole = async () => {
    const wanted = (await pods()).join();
    const held = await until(
      `the pools to hold ${wanted}`,
      () => lab.held(),
      (rows) => rows.join() === wanted,
    );
    const addresses = held.map((row) => row.split(" ")[1]);
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const row of held) {
      const [, address = "", pod = ""] = row.split(" ");
      expect(await lab.inPod(pod, "ip -o -4 addr")).toContain(` ${address}/`);
    }
    return held;
  };
  await until(
    "the routes",
    () => lab.routes("host1"),
    (seen) => seen.join() === routes.join(),
  );
  const before = await whole();
  await add("next");
  expect(await whole()).toHaveLength(before.length + 2);
  await del("next");
  expect(await whole()).toEqual(before);
  expect(await lab.on("host1", "ls /var/lib/multinic/tombstones 2>/dev/null || true")).toBe("");
}

/** Brings nicd to a point and lets it die there; the kubelet's next start follows. */
type Scene = (point: string) => Promise<void>;

const attaching: Scene = async (point) => {
  await stopped();
  const { ended } = await armed(point, true);
  // The ADD waits inside for a daemon that breaks off and comes back.
  const adding = add("pod");
  expect(await ended).toBe(died);
  await started();
  await adding;
  await expectSound();
  await del("pod");
};

const detaching: Scene = async (point) => {
  await add("pod");
  await stopped();
  const { ended } = await armed(point, true);
  await del("pod");
  expect(await ended).toBe(died);
  await started();
};

const replaying: Scene = async (point) => {
  await add("pod");
  await stopped();
  await del("pod");
  const { ended } = await armed(point, false);
  expect(await ended).toBe(died);
  await started();
};

const starting: Scene = async (point) => {
  await stopped();
  const { ended } = await armed(point, false);
  expect(await ended).toBe(died);
  await started();
};

const routing: Scene = async (point) => {
  await stopped();
  await lab.on("host1", "ip rule del priority 30000; ip route flush table 30000");
  const { ended } = await armed(point, false);
  expect(await ended).toBe(died);
  await started();
};

const second = `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: second }
spec:
  subnet: 172.30.0.0/16
  ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: macvlan, args: { mode: bridge } }
`;

async function apply(): Promise<void> {
  const file = join(lab.dir, "second.yaml");
  writeFileSync(file, second);
  await lab.do("lab", "apply", file);
}
const gone = () => lab.kubectl("delete", "multinicnetwork", "second", "--timeout=150s");

const networkComes: Scene = async (point) => {
  await stopped();
  const { ended } = await armed(point, true);
  const applying = apply();
  expect(await ended).toBe(died);
  await started();
  await applying;
  expect((await lab.routes("host1")).length).toBe(6);
  await gone();
};

const networkGoes: Scene = async (point) => {
  await apply();
  await stopped();
  // A nicd that is away when its network is deleted is waited for, a minute: this one is there, and dies of it.
  const { ended } = await armed(point, true);
  const going = gone();
  expect(await ended).toBe(died);
  await started();
  await going;
};

const mirroring: Scene = async (point) => {
  await stopped();
  const { ended } = await armed(point, true);
  await add("pod");
  expect(await ended).toBe(died);
  await started();
  await expectSound();
  await del("pod");
};

const reporting =
  (change: string): Scene =>
  async (point) => {
    const rows = async () => (await lab.list("hostinterfaces")).map(({ spec }) => spec);
    const before = await rows();
    await stopped();
    await lab.on("host1", change);
    const { ended } = await armed(point, false);
    expect(await ended).toBe(died);
    await started();
    await until("the report", rows, (now) => Bun.deepEquals(now, before));
  };
const unreported = reporting("kubectl delete hostinterface host1");
const emptied = reporting(
  `kubectl patch hostinterface host1 --type merge -p '{"spec":{"interfaces":[]}}'`,
);

const scenes: Record<PointsOf<"nicd">, Scene> = {
  "nicd.attach.begin": attaching,
  "nicd.attach.uncommitted": attaching,
  "nicd.attach.committed": attaching,
  "nicd.detach.begin": detaching,
  "nicd.detach.uncommitted": detaching,
  "nicd.detach.committed": detaching,
  "nicd.tombstone.read": replaying,
  "nicd.tombstone.taken": replaying,
  "nicd.tombstone.removed": replaying,
  "nicd.start.opened": starting,
  "nicd.start.released": starting,
  "nicd.start.replayed": starting,
  "nicd.routes.begin": routing,
  "nicd.routes.rule": routing,
  "nicd.routes.batch": routing,
  "nicd.routes.applied": routing,
  "nicd.routes.table": networkComes,
  "nicd.routes.unrule": networkGoes,
  "nicd.routes.release": networkGoes,
  "nicd.pool.begin": mirroring,
  "nicd.pool.allocations": mirroring,
  "nicd.pool.usage": mirroring,
  "nicd.hostinterface.begin": unreported,
  "nicd.hostinterface.created": unreported,
  "nicd.hostinterface.status": unreported,
  "nicd.hostinterface.spec": emptied,
};

for (const [point, scene] of Object.entries(scenes)) {
  test(`nicd killed at ${point} loses no address and gives none twice; pods come and go when it is back`, async () => {
    await scene(point);
    await expectSound();
  });
}

const rebooting: PointsOf<"nicd">[] = [
  "nicd.start.opened",
  "nicd.detach.uncommitted",
  "nicd.detach.committed",
  "nicd.start.released",
  "nicd.start.replayed",
];

for (const [i, point] of rebooting.entries()) {
  test(`nicd killed at ${point} after a reboot frees everything of the boot before all the same`, async () => {
    if (i === 0) await del("keeper");
    for (const pod of ["first", "second"]) await add(pod);
    await stopped();
    // What a reboot leaves: another boot id, no rule, no route; the pods' DELs come late.
    await lab.on(
      "host1",
      `echo boot-${i} > /run/boot-${i}; mount --bind /run/boot-${i} /proc/sys/kernel/random/boot_id
       ip rule del priority 30000; ip route flush table 30000`,
    );
    const { ended } = await armed(point, false);
    expect(await ended).toBe(died);
    await started();
    await until(
      "the pools",
      () => lab.held(),
      (rows) => rows.length === 0,
    );
    for (const pod of ["first", "second"]) await del(pod);
    await expectSound();
  });
}

test("nicd whose record and journal are deleted under running pods refuses to start, says the way out, and serves again after a reboot", async () => {
  await add("pod");
  await stopped();
  await lab.on("host1", "rm /var/lib/multinic/state.db* /run/multinic/journal");
  const { ended } = await armed("none", false);
  expect(await ended).toBe("ended with 1");
  expect(await lab.on("host1", "cat /run/armed.log")).toContain("drain the node and reboot it");
  await del("pod");
  await lab.on(
    "host1",
    "echo last > /run/last; mount --bind /run/last /proc/sys/kernel/random/boot_id",
  );
  await started();
  await expectSound();
});
