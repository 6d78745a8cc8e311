/**
 * Asks the registry for known holes in what is shipped. Ends with 1 when there is one of level high or critical. A registry
 * that does not answer (offline, a mirror without audits) is said and ends with 0: a build must not hang on it.
 */
const child = Bun.spawn([process.execPath, "audit", "--prod", "--json"], {
  stdin: "ignore",
  stdout: "pipe",
  stderr: "pipe",
  timeout: 60_000,
});
const [out, err] = await Promise.all([
  new Response(child.stdout).text(),
  new Response(child.stderr).text(),
]);
await child.exited;

interface Advisory {
  readonly title: string;
  readonly severity: string;
  readonly url: string;
}

function advisories(text: string): Record<string, Advisory[]> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    // Not an answer: said below.
    return undefined;
  }
}

const found = advisories(out);
if (!found) {
  const why = err.trim().split("\n").at(-1) ?? "no answer";
  process.stdout.write(`audit: NOT AUDITED, the registry gave no answer (${why})\n`);
} else {
  const all = Object.entries(found).flatMap(([name, list]) =>
    list.map((each) => ({ name, ...each })),
  );
  for (const { name, severity, title, url } of all) {
    process.stdout.write(`audit: ${severity}: ${name}: ${title} ${url}\n`);
  }
  const bad = all.filter(({ severity }) => ["high", "critical"].includes(severity));
  process.stdout.write(`audit: ${all.length} known, ${bad.length} high or critical\n`);
  if (bad.length > 0) process.exit(1);
}
