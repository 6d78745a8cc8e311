/**
 * Maps Config's logLevel, v1.3's scale of 1 (critical only) to 127 (everything), to ours: 1 = error, 2 and 3 = warn,
 * 4 (the default) to 6 = info, from 7 on = debug.
 */
export function logLevelOf(configured: number | undefined): "debug" | "info" | "warn" | "error" {
  const level = configured ?? 4;
  if (level <= 1) return "error";
  if (level <= 3) return "warn";
  return level <= 6 ? "info" : "debug";
}
