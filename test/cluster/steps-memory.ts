import { expect, test } from "bun:test";
import type { Story } from "./story.ts";

/** What a node shows of each process of ours: its arguments and `VmHWM` of proc(5), in kB. */
const peaks = `for p in /proc/[0-9]*; do
  said=$(tr '\\0' ' ' 2>/dev/null < $p/cmdline) || continue
  case "$said" in *multinic\\ nicd*|*multinic\\ operator*) ;; *) continue ;; esac
  echo "$said: $(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB$/\\1/p' $p/status)"
done`;

/** More than ever seen by half: a leak or a heap that nobody collects shows here. */
const most = { nicd: 150, operator: 160 };

/** The daemons' memory after the story, told in MiB. */
export function memorySteps(story: Story): void {
  test("operator and nicd have stayed small all along", async () => {
    const seen = { nicd: [] as number[], operator: [] as number[] };
    for (const node of story.cluster.nodes) {
      const lines = (await node.must(["sh", "-c", peaks])).trim().split("\n");
      for (const line of lines) {
        const mib = Math.round(Number(/: ([0-9]+)$/.exec(line)?.[1]) / 1024);
        seen[line.includes("multinic nicd") ? "nicd" : "operator"].push(mib);
      }
    }
    process.stdout.write(
      `peak memory on real nodes, MiB: nicd ${seen.nicd.join(", ")}; operator ${seen.operator.join(", ")}\n`,
    );
    expect(seen.nicd).toHaveLength(story.cluster.nodes.length);
    expect(seen.operator).toHaveLength(2);
    expect(Math.max(...seen.nicd)).toBeLessThan(most.nicd);
    expect(Math.max(...seen.operator)).toBeLessThan(most.operator);
  });
}
