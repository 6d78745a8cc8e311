import type { Verb } from "./verb.ts";

/** Set by the build: `git describe` of the tree. */
declare const MULTINIC_VERSION: string | undefined;

/** Returns the version this binary was built as; `dev` when run from source. */
export function version(): string {
  return typeof MULTINIC_VERSION === "string" ? MULTINIC_VERSION : "dev";
}

export const versionVerb: Verb = {
  command: "version",
  describe: "print the version of this binary",
  async run(_flags, io) {
    io.out(version());
    return 0;
  },
};
