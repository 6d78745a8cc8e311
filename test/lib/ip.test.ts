import { expect, test } from "bun:test";
import { Address4, Address6 } from "ip-address";
import {
  addressAt,
  comparePrefixes,
  containsAddress,
  containsPrefix,
  formatAddress,
  formatPrefix,
  last,
  overlaps,
  parseAddress,
  parseAddressWithLength,
  parsePrefix,
  size,
  subPrefix,
} from "../../src/lib/ip.ts";
import { random } from "../support/random.ts";

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is not a CIDR`);
  return parsed;
}

test("parseAddress and formatAddress agree with the ip-address library on 5,000 random addresses", () => {
  const next = random(20261121);
  for (let i = 0; i < 5000; i++) {
    const v4 = BigInt(next.int(2 ** 32));
    const text4 = formatAddress({ family: 4, value: v4 });
    expect(text4).toBe(Address4.fromBigInt(v4).correctForm());
    expect(parseAddress(text4)).toEqual({ family: 4, value: v4 });
    let v6 = 0n;
    for (let g = 0; g < 8; g++) v6 = (v6 << 16n) | BigInt(next.int(3) === 0 ? next.int(65536) : 0);
    const library = Address6.fromBigInt(v6);
    const text6 = formatAddress({ family: 6, value: v6 });
    expect(text6).toBe(library.correctForm());
    for (const form of [text6, library.canonicalForm(), text6.toUpperCase()]) {
      expect(parseAddress(form)).toEqual({ family: 6, value: v6 });
    }
  }
});

test("parseAddress agrees with the library on what is no address, over 5,000 mutations", () => {
  const next = random(7);
  const seeds = [
    "10.0.0.1",
    "fd00::1",
    "::",
    "1:2:3:4:5:6:7:8",
    "::ffff:10.0.0.1",
    "255.255.255.255",
  ];
  const letters = "0123456789abcdefF.:g";
  for (let i = 0; i < 5000; i++) {
    const chars = [...(seeds[next.int(seeds.length)] ?? "")];
    for (let n = next.int(3); n >= 0; n--) {
      chars.splice(
        next.int(chars.length + 1),
        next.int(2),
        letters[next.int(letters.length)] ?? "",
      );
    }
    const text = chars.join("");
    const valid = text.includes(":") ? Address6.isValid(text) : Address4.isValid(text);
    expect([text, parseAddress(text) !== undefined]).toEqual([text, valid]);
  }
});

test.each([
  "",
  "10.0.0.0",
  "10.0.0.0/33",
  "10.0.0.0/-1",
  "10.0.0.0/08",
  "10.0.0.0/",
  "fd00::/129",
  "a/8",
  "10.0.0.1/24/8",
  "fe80::1%eth0/64",
])("parsePrefix refuses %p", (text) => expect(parsePrefix(text)).toBeUndefined());

test("parsePrefix clears host bits, parseAddressWithLength keeps them", () => {
  expect(formatPrefix(prefix("10.0.1.5/16"))).toBe("10.0.0.0/16");
  expect(formatPrefix(prefix("fd00::5/56"))).toBe("fd00::/56");
  const kept = parseAddressWithLength("10.0.1.5/16");
  expect(kept && formatAddress(kept.address)).toBe("10.0.1.5");
});

test("the worked example's blocks: subnet, plane 1, host 1", () => {
  const plane = subPrefix(prefix("192.168.0.0/16"), 18, 1);
  expect(formatPrefix(plane)).toBe("192.168.64.0/18");
  expect(formatPrefix(subPrefix(plane, 24, 1))).toBe("192.168.65.0/24");
  expect(formatAddress(addressAt(subPrefix(plane, 24, 1), 1))).toBe("192.168.65.1");
  expect(formatAddress(last(plane))).toBe("192.168.127.255");
  expect(size(prefix("0.0.0.0/0"))).toBe(1n << 32n);
});

test("containsPrefix, containsAddress, overlaps and comparePrefixes", () => {
  expect(containsPrefix(prefix("10.0.0.0/8"), prefix("10.1.0.0/16"))).toBe(true);
  expect(containsPrefix(prefix("10.1.0.0/16"), prefix("10.0.0.0/8"))).toBe(false);
  expect(overlaps(prefix("10.1.0.0/16"), prefix("10.0.0.0/8"))).toBe(true);
  expect(overlaps(prefix("10.1.0.0/16"), prefix("10.2.0.0/16"))).toBe(false);
  expect(overlaps(prefix("::/0"), prefix("0.0.0.0/0"))).toBe(false);
  expect(containsAddress(prefix("fd00::/56"), { family: 6, value: 0xfd00n << 112n })).toBe(true);
  const sorted = ["fd00::/8", "10.0.0.0/16", "10.0.0.0/8"].map(prefix).sort(comparePrefixes);
  expect(sorted.map(formatPrefix)).toEqual(["10.0.0.0/8", "10.0.0.0/16", "fd00::/8"]);
});
