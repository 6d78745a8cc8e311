import type { FaultPoint } from "../../src/lib/faultpoint.ts";

/** Fault points of one program. */
export type PointsOf<Program extends string> = Extract<FaultPoint, `${Program}.${string}`>;

/** What a shell or Bun says of a process that SIGKILL ended. */
export const killed = 137;
