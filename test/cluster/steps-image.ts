import { expect, test } from "bun:test";
import { namespace } from "./installed.ts";
import { operator, type Story } from "./story.ts";

/** The image of `make image`, as containerd runs it. */
export function imageSteps(story: Story): void {
  test("the operator runs as nobody in particular, without a capability, on a root that it cannot write", async () => {
    const seen = await Promise.all(
      story.cluster.nodes.map((node) => node.must(["sh", "-c", look, "operator"])),
    );
    const lines = seen.flatMap((text) => text.trim().split("\n")).filter((line) => line !== "");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toBe("65532 65532 0000000000000000 1 ro");
  });

  test("nicd runs with NET_ADMIN alone, on a root that it cannot write", async () => {
    for (const node of story.cluster.nodes) {
      // 1 << 12 (linux/capability.h).
      const line = (await node.must(["sh", "-c", look, "nicd"])).trim();
      expect(line).toBe("0 0 0000000000001000 1 ro");
    }
  });

  test.each([operator, "ds/multi-nicd"])("multinic and iperf3 start in %s", async (where) => {
    const exec = (...command: string[]) =>
      story.on.must(["-n", namespace, "exec", where, "--", ...command]);
    const { stdout } = Bun.spawnSync(["dist/multinic", "version"]);
    expect(await exec("/usr/bin/multinic", "version")).toContain(stdout.toString().trim());
    expect(await exec("/usr/bin/iperf3", "--version")).toMatch(/^iperf 3/m);
  });
}

/** Prints user, group, effective capabilities, no-new-privileges and how the root is mounted, of each process of a program. */
const look = `for p in /proc/[0-9]*; do
  case "$(tr '\\0' ' ' < $p/cmdline)" in "/usr/bin/multinic $0"*) ;; *) continue;; esac
  awk '/^(Uid|Gid|CapEff|NoNewPrivs):/ { v[$1] = $2 } END { printf "%s %s %s %s ", v["Uid:"], v["Gid:"], v["CapEff:"], v["NoNewPrivs:"] }' $p/status
  awk '$5 == "/" { split($6, o, ","); print o[1] }' $p/mountinfo
done`;
