/** A field that is a text. */
export function text(number: number, value: string): Buffer {
  return message(number, [Buffer.from(value)]);
}

/** A length-delimited field (protobuf.dev/programming-guides/encoding). */
export function message(number: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left);
      break;
    }
    length.push((left & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), body]);
}
