/**
 * The part of ECMAScript's withdrawn metadata proposal that @peculiar/x509 (through tsyringe) asks of the runtime at
 * import time. Nothing else here uses it; an implementation that is already there stays.
 */

type Key = string | symbol;
const kept = new WeakMap<object, Map<Key, unknown>>();

const metadata = {
  defineMetadata(key: Key, value: unknown, target: object): void {
    const own = kept.get(target) ?? new Map<Key, unknown>();
    kept.set(target, own.set(key, value));
  },
  getOwnMetadata(key: Key, target: object): unknown {
    return kept.get(target)?.get(key);
  },
  getMetadata(key: Key, target: object): unknown {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const own = kept.get(at);
      if (own?.has(key)) return own.get(key);
    }
    return undefined;
  },
};

if (!("getMetadata" in Reflect)) Object.assign(Reflect, metadata);
