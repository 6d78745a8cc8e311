import { explain, Failure } from "../errors.ts";

/** What a look found: the value waited for, or what is there instead. */
export type Look<T> = { readonly value: T } | { readonly not: string };

/**
 * Looks again and again until the value is there; fails after `limitMs` with what was there instead. The limit is for a
 * User-Mode Linux guest on a busy machine, where a daemon needs half a minute to start.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<Look<T>>,
  limitMs = 120_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  let last = "nothing yet";
  let pauseMs = 20;
  for (;;) {
    try {
      const found = await look();
      if ("value" in found) return found.value;
      last = found.not;
    } catch (error) {
      last = explain(error);
    }
    if (performance.now() > end)
      throw new Failure(`Waited ${limitMs / 1000} s for ${what}; last: ${last}`);
    await Bun.sleep(pauseMs);
    pauseMs = Math.min(1.25 * pauseMs, 250);
  }
}
