import { type Scratch, scratch } from "./netns.ts";

/** Pods of a test by container ID: each a namespace that is made when it is first asked for. */
export class ScratchPods implements Disposable {
  readonly #prefix: string;
  readonly #pods = new Map<string, Scratch>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(id: string): Scratch {
    const pod = this.#pods.get(id) ?? scratch(`${this.#prefix}-${id}`);
    this.#pods.set(id, pod);
    return pod;
  }

  /** Names a pod's namespace by descriptor: its file was mounted after nicd's mount namespace was made. */
  path(id: string): string {
    return `/proc/${process.pid}/fd/${this.of(id).netns.fd}`;
  }

  ids(): string[] {
    return [...this.#pods.keys()];
  }

  /** Reads from the kernel what a pod has of IPv4, with prefix lengths, lo left out. */
  addresses(id: string): string[] {
    return this.of(id)
      .kernel.addresses()
      .filter(({ index, address }) => index !== 1 && !address.includes(":"))
      .map(({ address }) => address);
  }

  [Symbol.dispose](): void {
    for (const pod of this.#pods.values()) pod[Symbol.dispose]();
    this.#pods.clear();
  }
}
