import { describe, expect, test } from "bun:test";
import { type Message, type Request, writeMessage } from "../../../src/lib/netlink/message.ts";
import {
  listRdmaRequest,
  moveRdmaRequest,
  rdmaPortRequest,
  rdmaSystemRequest,
  readRdma,
  readRdmaMode,
  readRdmaPort,
} from "../../../src/lib/netlink/rdma.ts";

/**
 * Bytes that `rdma` of iproute2 6.1 and Linux 6.1.192 exchanged, read by strace in test/qemu's guest, where rxe0 and
 * rdmatest0 are. The sequence number is set to 1 here.
 */
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const answer = (type: number, hex: string): Message => ({
  type,
  flags: 0,
  seq: 1,
  portid: 7,
  body: bytes(hex),
});
const seq = "01000000";
const port = "00000000";

describe("RDMA requests", () => {
  // Where we ask for an acknowledgement, Conn sets NLM_F_ACK (4); `rdma` asks for one with lists too.
  test.each([
    ["rdma dev", listRdmaRequest(), `10000000 0114 0103 ${seq} ${port}`],
    [
      "rdma link",
      rdmaPortRequest(0, 1),
      `20000000 0514 0100 ${seq} ${port} 0800010000000000 0800030001000000`,
    ],
    ["rdma system", rdmaSystemRequest(), `10000000 0614 0100 ${seq} ${port}`],
    [
      "rdma dev set rdmatest0 netns n1",
      moveRdmaRequest(0, 4),
      `20000000 0214 0100 ${seq} ${port} 0800010000000000 0800440004000000`,
    ],
  ] as [string, Request, string][])("are those of %s", (_, request, wanted) => {
    expect(Buffer.from(writeMessage(request, 1)).toString("hex")).toBe(wanted.replaceAll(" ", ""));
  });
});

describe("RDMA answers", () => {
  test("readRdma reads a device, its ports counted", () => {
    const rxe =
      "0800010000000000 0900020072786530 00000000 0800030001000000 0c000400763c220100000000" +
      "0c000600513123feffcee630 0c000700513123feffcee630 05000e0001000000 0500540000000000" +
      "09004300726f636500000000";
    expect(readRdma(answer(0x1401, rxe))).toEqual({ index: 0, name: "rxe0", ports: 1 });
    expect(readRdma(answer(0x1406, rxe))).toBeUndefined();
  });

  test("readRdmaPort reads a port's interface, and none where there is none", () => {
    const own = "0800010000000000 0e00020072646d6174657374300000000800030001000000";
    const state = "05000c0004000000 05000d0005000000";
    const named = answer(0x1401, `${own} ${state} 0800320004000000 0700330072300000`);
    expect(readRdmaPort(named)).toBe("r0");
    expect(readRdmaPort(answer(0x1401, `${own} ${state}`))).toBe("");
  });

  test.each([
    ["0500420001000000 0500600000000000 05005d0001000000", "shared"],
    ["0500420000000000 0500600000000000 05005d0001000000", "exclusive"],
    ["", "shared"],
  ])("readRdmaMode reads %p as %s", (hex, mode) => {
    expect(readRdmaMode(answer(0x1406, hex)) as string).toBe(mode);
  });
});
