import { describe, expect, test } from "bun:test";
import { protoFields } from "../../../src/lib/nicd/protobuf.ts";

const bytes = (...list: number[]) => Uint8Array.from(list);

describe("protoFields", () => {
  test("reads the encoding guide's examples: a number of two bytes, and a text", () => {
    expect(protoFields(bytes(0x08, 0x96, 0x01))).toEqual([{ number: 1, value: 150n }]);
    expect(protoFields(bytes(0x12, 0x02, 0x68, 0x69))).toEqual([
      { number: 2, value: bytes(0x68, 0x69) },
    ]);
  });

  test("passes over fixed-width fields and keeps repeated ones in order", () => {
    const message = bytes(0x0d, 1, 2, 3, 4, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 1, 0x08, 2);
    expect(protoFields(message).map((field) => field.number)).toEqual([1, 1, 1, 1]);
    expect(protoFields(bytes())).toEqual([]);
  });

  test.each([
    ["a text that is cut off", bytes(0x12, 0x05, 0x68), "ends in the middle"],
    ["a number that is cut off", bytes(0x08, 0x96), "ends in the middle"],
    ["a fixed field that is cut off", bytes(0x0d, 1), "ends in the middle"],
    ["a number without end", Uint8Array.from({ length: 12 }, () => 0xff), "more than ten bytes"],
    ["a group", bytes(0x0b), "wire type 3"],
  ])("throws on %s", (_, message, why) => {
    expect(() => protoFields(message)).toThrow(why);
  });
});
