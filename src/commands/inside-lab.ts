import { Failure } from "../lib/errors.ts";
import { settled } from "../lib/lab/apply.ts";
import { everyHost } from "../lib/lab/arrival.ts";
import { serveControl } from "../lib/lab/control.ts";
import { demo } from "../lib/lab/demo.ts";
import { defaultDir } from "../lib/lab/enclosure.ts";
import { Lab } from "../lib/lab/lab.ts";
import { hasIpvlan, type LinkChoice, labNetwork } from "../lib/lab/networks.ts";
import { searchPath } from "../lib/settings.ts";
import { type LabShape, readShape } from "./lab-shape.ts";
import type { Flags, Io } from "./verb.ts";

/** Runs the lab as first process of its own namespaces: `serve` until told to end, `demo` until it has been shown. */
export async function inside(flags: Flags, io: Io): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.once(name, () => stop.abort());
  const shape = readShape(flags);
  const { topology } = shape;
  const { families } = topology.spec;
  const { link, note } = await chooseLink(shape);
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
  const options = { topology, dir, program: process.execPath, path: searchPath() };
  const lab = await Promise.race([Lab.start(options), aborted(stop.signal)]);
  // As first process of its namespaces it takes along whatever has been started.
  if (lab === "aborted") return 130;
  try {
    if (flags["what"] === "serve") {
      if (flags["network"] !== false) {
        const { nics: planes, rails } = topology.spec;
        // Hosts get their indexes in order of arrival: with all of them there, by name, so that addresses can be foretold.
        const arrived = await Promise.race([everyHost(lab), aborted(stop.signal)]);
        if (arrived === "aborted") return 130;
        await lab.apply("MultiNicNetwork", labNetwork("lab", { link, families, planes, rails }));
        // Pods may be added as soon as we say that we are ready.
        const ready = settled(lab, "MultiNicNetwork", "lab");
        const outcome = await Promise.race([ready, aborted(stop.signal)]);
        if (outcome === "aborted") {
          ready.catch(() => {});
          return 130;
        }
        if (outcome.configStatus === "Failed")
          throw new Failure("The lab's network cannot be used", { cause: outcome.message });
      }
      serveControl(lab, stop.signal);
      if (note) io.out(note);
      io.out("ready");
      await aborted(stop.signal);
      return 0;
    }
    const shown = demo(lab, { link, note, seconds: Number(flags["seconds"]), out: io.out });
    const ended = await Promise.race([shown.then(() => "shown" as const), aborted(stop.signal)]);
    if (ended === "shown") return 0;
    io.err("interrupted: taking the lab down");
    // What it was doing fails now, because the lab goes away below it.
    shown.catch(() => {});
    return 130;
  } finally {
    await lab.stop();
  }
}

async function chooseLink(shape: LabShape): Promise<{ link: LinkChoice; note?: string }> {
  const { plugin, mode } = shape;
  if (plugin === "macvlan") return { link: { plugin, mode: mode ?? "bridge" } };
  if (await hasIpvlan()) return { link: { plugin: "ipvlan", mode: mode ?? "l3" } };
  return {
    link: { plugin: "macvlan", mode: "bridge" },
    note: "This kernel has no ipvlan: the lab uses macvlan.",
  };
}

function aborted(signal: AbortSignal): Promise<"aborted"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("aborted");
    else signal.addEventListener("abort", () => resolve("aborted"), { once: true });
  });
}
