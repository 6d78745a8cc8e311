import { expect, test } from "bun:test";
import { u32 } from "../../../src/lib/netlink/attribute.ts";
import { readMessages, writeMessage } from "../../../src/lib/netlink/message.ts";
import { nsidRequest, readNsid } from "../../../src/lib/netlink/nsid.ts";

const RTM_NEWNSID = 88;
const NETNSA_NSID = 1;

/** An answer as the kernel writes it. */
function answer(type: number, nsid: number) {
  const body = [new Uint8Array(4), u32(NETNSA_NSID, nsid)];
  return readMessages(writeMessage({ type, flags: 0, body }, 1)).flatMap(
    (message) => readNsid(message) ?? [],
  );
}

test("nsidRequest writes RTM_GETNSID with the descriptor in NETNSA_FD", () => {
  const [message] = readMessages(writeMessage(nsidRequest(17), 1));
  expect(message?.type).toBe(90);
  expect([...(message?.body ?? [])]).toEqual([0, 0, 0, 0, 8, 0, 3, 0, 17, 0, 0, 0]);
});

test("readNsid reads the number, which is signed, and nothing of other messages", () => {
  expect(answer(RTM_NEWNSID, 3)).toEqual([3]);
  expect(answer(RTM_NEWNSID, -1)).toEqual([-1]);
  expect(answer(16, 3)).toEqual([]);
});
