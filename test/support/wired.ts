import { codeOf } from "../../src/lib/errors.ts";
import type { Kernel } from "../../src/lib/linux/kernel.ts";
import { type Scratch, scratch } from "./netns.ts";

/** Makes a namespace with a veth pair a–b, both up, `10.0.1.1/24` and `fd00:1::1/64` on a. */
export function wired(label: string): Scratch & { a: number; b: number } {
  const space = scratch(label);
  const { kernel } = space;
  kernel.addLink("a", { kind: "veth", peer: { name: "b" } });
  const a = indexOf(kernel, "a");
  const b = indexOf(kernel, "b");
  for (const index of [a, b]) kernel.setLink(index, { up: true });
  kernel.addAddress(a, "10.0.1.1/24");
  kernel.addAddress(a, "fd00:1::1/64", { nodad: true });
  return { ...space, a, b };
}

/** Returns a link's index, 0 when it is not there. */
export function indexOf(kernel: Kernel, name: string): number {
  return kernel.link(name)?.index ?? 0;
}

/** Returns the code of what a call throws, undefined when it throws nothing. */
export function codeFrom(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
