import { describe } from "bun:test";
import { guestCases } from "../support/guestcases.ts";

describe("RDMA under QEMU", () => {
  guestCases({ files: ["./test/qemu/guest/rdma.ts"], seconds: 560, guest: "qemu" });
});
