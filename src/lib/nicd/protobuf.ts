import { Failure } from "../errors.ts";

/** One field of a protobuf message: its bytes, or its number. */
export interface ProtoField {
  readonly number: number;
  readonly value: Uint8Array | bigint;
}

/** Reads the fields of one protobuf message in order (protobuf.dev/programming-guides/encoding); throws on cut-off bytes. */
export function protoFields(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw cutOff();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Failure("Cannot read a protobuf message: a number has more than ten bytes");
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw cutOff();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    if (wire === 0) fields.push({ number: tag >>> 3, value: varint() });
    else if (wire === 2) fields.push({ number: tag >>> 3, value: take(Number(varint())) });
    else if (wire === 1) fields.push({ number: tag >>> 3, value: take(8) });
    else if (wire === 5) fields.push({ number: tag >>> 3, value: take(4) });
    else throw new Failure(`Cannot read a protobuf message: wire type ${wire} is not known`);
  }
  return fields;
}

function cutOff(): Failure {
  return new Failure("Cannot read a protobuf message: it ends in the middle of a field");
}
