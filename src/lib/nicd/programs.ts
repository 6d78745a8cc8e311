import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { explain } from "../errors.ts";
import type { Log } from "../log.ts";
import type { SaidCondition } from "../plan/hostinterface.ts";
import { hostHasLoader, interpreterOf } from "./elf.ts";
import { digestOf, type InstallOptions, installPrograms, removePrograms } from "./install.ts";

export interface ProgramsOptions extends InstallOptions {
  /** The host's /usr as this process sees it; undefined = the loader is not looked for. */
  readonly hostUsr: string | undefined;
  readonly log: Log;
}

type State = Pick<SaidCondition, "status" | "reason" | "message">;

/** The CNI programs on this host: brings them in line, and says how they are. */
export class CniPrograms {
  readonly #options: ProgramsOptions;
  #digest: string | undefined;
  /** The file as it was when its content was last compared; the same inode and times are the same content. */
  #verified: { readonly path: string; readonly stats: Stats } | undefined;
  #state: State = { status: "Unknown", reason: "Starting", message: "not looked at yet" };

  constructor(options: ProgramsOptions) {
    this.#options = options;
  }

  /** What `kubectl describe hostinterface` shows. */
  get condition(): SaidCondition {
    return { type: "CNIInstalled", ...this.#state };
  }

  /** Whether this version's programs are in place. */
  get installed(): boolean {
    return this.#state.reason === "Installed";
  }

  /** True when the host is as it should be, in place or taken away; else why not, for /readyz. */
  get settled(): true | string {
    const { status, reason, message } = this.#state;
    return status === "True" || reason === "Removed" || `${reason}: ${message}`;
  }

  /** Installs what is missing or different; false = try again later, the condition says why. */
  async install(): Promise<boolean> {
    const { program, hostUsr, folder, log } = this.#options;
    try {
      const loader = interpreterOf(program);
      if (hostUsr !== undefined && loader !== undefined && !hostHasLoader(hostUsr, loader)) {
        const message = `this host has no ${loader}, the glibc loader that the CNI programs need: run a host system with glibc, or keep nicd off this node with Config's spec.daemon.nodeSelector`;
        this.#say({ status: "False", reason: "LoaderMissing", message });
        return false;
      }
      this.#digest ??= await digestOf(program);
      const known = this.#verified && sameFile(this.#verified) ? this.#digest : undefined;
      const { version, changed } = await installPrograms(this.#options, this.#digest, { known });
      const path = join(folder, version);
      this.#verified = { path, stats: lstatSync(path) };
      if (changed) log.info("installed the CNI programs", { folder, version });
      this.#say({ status: "True", reason: "Installed", message: `${version} is in place` });
      return true;
    } catch (error) {
      this.#verified = undefined;
      this.#say({ status: "False", reason: "InstallFailed", message: explain(error) });
      return false;
    }
  }

  /** Takes the programs off the host; false = try again later. */
  async remove(): Promise<boolean> {
    try {
      const names = await removePrograms(this.#options);
      this.#verified = undefined;
      if (names.length > 0) this.#options.log.info("removed the CNI programs", { names });
      this.#say({ status: "False", reason: "Removed", message: "the Config is being deleted" });
      return true;
    } catch (error) {
      this.#say({ status: "True", reason: "RemoveFailed", message: explain(error) });
      return false;
    }
  }

  #say(state: State): void {
    const bad = state.reason !== "Installed" && state.reason !== "Removed";
    if (bad && state.message !== this.#state.message) {
      this.#options.log.warn(`CNI programs: ${state.message}`, { reason: state.reason });
    }
    this.#state = state;
  }
}

function sameFile(of: { readonly path: string; readonly stats: Stats }): boolean {
  const now = lstatSync(of.path, { throwIfNoEntry: false });
  const { stats } = of;
  return (
    now !== undefined &&
    now.ino === stats.ino &&
    now.dev === stats.dev &&
    now.size === stats.size &&
    now.ctimeMs === stats.ctimeMs
  );
}
