/** What kubectl said: `text` is its stdout and stderr without its own version warning. */
export interface Said {
  readonly ok: boolean;
  readonly text: string;
}

/** Runs kubectl against the cluster of `kubeconfig` (else of $KUBECONFIG), with `input` as its stdin. */
export async function kubectl(
  args: readonly string[],
  input?: unknown,
  kubeconfig = Bun.env["KUBECONFIG"],
): Promise<Said> {
  if (!kubeconfig) {
    throw new Error(
      "KUBECONFIG is not set: start the API server of test/cluster, or name a cluster of your own",
    );
  }
  const child = Bun.spawn(["kubectl", ...args], {
    env: { ...Bun.env, KUBECONFIG: kubeconfig },
    stdin: new Blob([input === undefined ? "" : JSON.stringify(input)]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return {
    ok: code === 0,
    text: `${out}${err}`.replaceAll(/^WARNING: version difference.*\n?/gm, ""),
  };
}

/** Repeats a look until it pleases, for what the API server takes over in its own time (a CRD's new schema). */
export async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await look()) return;
    await Bun.sleep(100);
  }
  throw new Error(`${what}: not within 10 s`);
}
