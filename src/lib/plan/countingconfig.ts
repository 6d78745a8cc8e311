import type { Config } from "../api/kinds.ts";

/** Name of the Config that counts, as v1.3.x fixed it. */
export const configName = "multi-nicd";

/** Returns the Config that counts: `multi-nicd`, else the first there is (v1.3's bundles shipped other names too). */
export function countingConfig(configs: readonly Config[]): Config | undefined {
  return configs.find((config) => config.metadata.name === configName) ?? configs[0];
}
