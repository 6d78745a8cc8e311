import { codeOf } from "../../src/lib/errors.ts";

/** Returns code and message of what a call throws; a call that throws nothing fails the test. */
export function failure(act: () => unknown): { code: string | undefined; message: string } {
  try {
    act();
  } catch (error) {
    return { code: codeOf(error), message: error instanceof Error ? error.message : "" };
  }
  throw new Error("expected a failure");
}
