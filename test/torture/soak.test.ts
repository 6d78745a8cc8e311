import { expect, test } from "bun:test";
import { join } from "node:path";
import { columns } from "../../src/lib/lab/show.ts";
import { environment } from "../../src/lib/settings.ts";
import { runEnclosed } from "./enclosed.ts";
import type { SoakReport } from "./soak.ts";
import { countGrowth, fileGrowth, growth, type Point, trendOf } from "./trend.ts";

/** How long; trend.ts has no use for less than a quarter of an hour. */
const minutes = Number(environment()["MULTINIC_SOAK_MINUTES"] ?? 60);
const csv = join(import.meta.dir, "../../dist/torture/soak.csv");
/** Which rule says whether a measure grows: for what counts things that are there or not, for files, for all else. */
function ruleOf(key: string): typeof growth {
  if (/(fds|threads|_objects)$/.test(key)) return countGrowth;
  return /(db|wal)_kib$/.test(key) ? fileGrowth : growth;
}
/** SQLite's log is started anew after 1,000 pages of 4 KiB, or a little later where a reader holds it up. */
const largestLogKib = 8 * 1024;

test(
  `${minutes} minutes of steady churn leave memory, descriptors, timers, records and objects as large as they were`,
  async () => {
    const report = await runEnclosed<SoakReport>("soak.ts", { minutes, csv, seed: 9 });
    const keys = Object.keys(report.samples[0]?.values ?? {});
    const grown: string[] = [];
    const rows = keys.map((key) => {
      const points = report.samples.map(
        ({ at, values }): Point => ({ at, value: values[key] ?? Number.NaN }),
      );
      const why = ruleOf(key)(points);
      if (why !== undefined) grown.push(`${key}: ${why}`);
      const { mean, slope, error } = trendOf(points);
      const most = Math.max(...points.map((point) => point.value));
      const numbers = [points[0]?.value ?? Number.NaN, mean, most, slope, error];
      return [key, ...numbers.map((n) => n.toFixed(1)), why === undefined ? "flat" : "GROWS"];
    });
    const head = ["MEASURE", "FIRST", "MEAN", "MOST", "SLOPE/H", "ERROR/H", ""];
    const { adds, dels, doubled, lost, failures, left, samples } = report;
    process.stderr.write(
      `${columns([head, ...rows])}\n${report.minutes.toFixed(1)} minutes, ${samples.length} samples (${csv}): ` +
        `${adds} ADDs, ${dels} DELs, ${doubled} of them twice, ${lost} lost, ${failures.length} failures\n`,
    );
    expect(failures).toEqual([]);
    expect(left).toEqual([]);
    expect(grown).toEqual([]);
    for (const { values } of samples)
      for (const key of keys.filter((one) => one.endsWith("wal_kib")))
        expect(values[key]).toBeLessThan(largestLogKib);
  },
  (minutes + 10) * 60_000,
);
