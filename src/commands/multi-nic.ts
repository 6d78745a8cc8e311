import type { Io } from "./verb.ts";

/** The CNI plugin `multi-nic`. */
export async function run(_args: string[], _io: Io): Promise<number> {
  throw new Error("multi-nic is being written");
}
