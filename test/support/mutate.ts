import type { Random } from "./random.ts";

/** Values that parsers are known to stumble over. */
const hostile: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  0.5,
  2 ** 53,
  "",
  "\0",
  "../../etc/passwd",
  "a;b",
  "a\nb",
  "\ud800",
  "10.0.0.0/33",
  "::/0",
  "::ffff:10.0.0.1",
  "0".repeat(300),
  "9".repeat(300),
  "x".repeat(10_000),
  ":".repeat(2_000),
  "{",
  "[]",
  [],
  [[]],
  [null],
  {},
  // An object that String() and a template cannot turn into text.
  { toString: 1, valueOf: 1 },
  JSON.parse('{"__proto__":{"polluted":true}}'),
  JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'),
  nested(200),
  Array.from({ length: 300 }, (_, i) => i),
];

/** Returns `value` with one to four changes anywhere in it: hostile values, lost, doubled, renamed and foreign keys. */
export function mutateJson(value: unknown, of: Random): unknown {
  let out = value;
  for (let left = 1 + of.int(4); left > 0; left--) out = changed(out, of);
  return out;
}

/** Returns `text` with one to four changes: cut, doubled, shuffled, replaced or foreign characters. */
export function mutateText(text: string, of: Random): string {
  let out = text;
  for (let left = 1 + of.int(4); left > 0; left--) {
    const from = of.int(out.length + 1);
    const to = Math.min(out.length, from + of.int(20));
    const foreign = of.pick(["\0", "\n", '"', "\\", "{", "/", ":", ";", "=", "é", "\ud83d", "9"]);
    const middles = ["", foreign, foreign.repeat(1 + of.int(2000)), out.slice(from, to).repeat(3)];
    out = out.slice(0, from) + of.pick(middles) + out.slice(of.int(10) === 0 ? out.length : to);
  }
  return out;
}

/** Returns `bytes` with one to six changes: flipped bits, extreme bytes, lengths that lie, cut, doubled. */
export function mutateBytes(bytes: Uint8Array, of: Random): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let left = 1 + of.int(6); left > 0; left--) {
    const at = of.int(Math.max(1, out.length));
    const what = of.int(10);
    if (what < 4) out[at] = (out[at] ?? 0) ^ (1 << of.int(8));
    else if (what < 7) out[at] = of.pick([0, 1, 3, 4, 0x7f, 0x80, 0xff]);
    else if (what < 8) out = out.slice(0, at);
    else if (what < 9) out = joined(out, out.slice(at, at + 1 + of.int(64)));
    else out = joined(out.slice(0, at), out.slice(Math.max(0, at - 4)));
  }
  return out;
}

function changed(value: unknown, of: Random): unknown {
  if (Array.isArray(value) && value.length > 0 && of.int(6) > 0) {
    const list = [...value];
    const at = of.int(list.length);
    const what = of.int(8);
    if (what === 0) list.splice(at, 1);
    else if (what === 1) list.push(list[at]);
    else list[at] = changed(list[at], of);
    return list;
  }
  if (typeof value === "object" && value !== null && of.int(8) > 0) {
    const keys = Object.keys(value);
    const key = keys.length === 0 ? "x" : of.pick(keys);
    const old: unknown = Reflect.get(value, key);
    switch (of.int(10)) {
      case 0:
        return without(value, key);
      case 1:
        return { ...value, [of.pick(["x", "toString", "__proto__", ...keys])]: of.pick(hostile) };
      case 2:
        return { ...without(value, key), [`${key} `]: old };
      default:
        return { ...value, [key]: changed(old, of) };
    }
  }
  if (typeof value === "string" && of.int(2) === 0) return mutateText(value, of);
  return of.pick(hostile);
}

function without(value: object, key: string): object {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function nested(depth: number): unknown {
  let out: unknown = 1;
  for (let i = 0; i < depth; i++) out = i % 2 === 0 ? [out] : { a: out };
  return out;
}
