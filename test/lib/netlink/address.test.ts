import { describe, expect, test } from "bun:test";
import {
  addAddressRequest,
  addressBytes,
  addressText,
  readAddress,
} from "../../../src/lib/netlink/address.ts";
import { bothRequests } from "../../support/iproute.ts";
import { random } from "../../support/random.ts";
import { answers, recorded, saidNumber, saidValue } from "../../support/recorded.ts";

const exchanges = recorded("addr");
const spoken = exchanges.filter((exchange) => bothRequests(exchange));

describe("addAddressRequest, deleteAddressRequest and listAddressesRequest", () => {
  test("cover what iproute2 was recorded doing with plain addresses", () => {
    expect(spoken.length).toBe(15);
  });
  for (const exchange of spoken) {
    test(`write the bytes of \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      const both = bothRequests(exchange);
      expect(both?.ours).toBe(both?.theirs ?? "");
    });
  }
});

describe("addAddressRequest", () => {
  test("refuses an address without prefix length, naming it", () => {
    expect(() => addAddressRequest(3, "10.0.0.1")).toThrow(
      "10.0.0.1 is not an IP address with a prefix length",
    );
  });
});

describe("readAddress", () => {
  for (const exchange of [...exchanges, ...recorded("monitor"), ...recorded("dump")]) {
    test(`reads what answers \`${exchange.command}\` (${exchange.name}, ${exchange.kernel})`, () => {
      for (const [i, message] of answers(exchange).entries()) {
        const line = exchange.said[i] ?? "";
        const address = readAddress(message);
        if (line === "") continue;
        expect(address !== undefined).toBe(/^RTM_(NEW|DEL)ADDR /.test(line));
        if (!address) continue;
        const local = saidValue(line, "IFA_LOCAL") ?? saidValue(line, "IFA_ADDRESS");
        expect(address.address).toBe(`${local}/${saidNumber(line, "prefixlen")}`);
        expect(address.index).toBe(Number(/index=([0-9]+)/.exec(line)?.[1]));
        expect(address.label).toBe(saidValue(line, "IFA_LABEL") ?? "");
        expect((address.flags & 0x80) !== 0).toBe(/IFA_FLAGS=\S*PERMANENT/.test(line));
        expect((address.flags & 0x40) !== 0).toBe(/IFA_FLAGS=\S*TENTATIVE/.test(line));
      }
    });
  }
});

describe("addressBytes", () => {
  test("writes network order, and addressText reads it back", () => {
    expect(addressBytes({ family: 4, value: 0x0a000102n }).toHex()).toBe("0a000102");
    const next = random(11);
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from({ length: 16 }, () => next.int(256));
      const value = BigInt(`0x${bytes.toHex()}`);
      expect(addressBytes({ family: 6, value }).toHex()).toBe(bytes.toHex());
    }
    expect(addressText(Uint8Array.of(10, 0, 1, 2))).toBe("10.0.1.2");
    expect(addressText(Uint8Array.fromHex("fd000000000000000000000000000001"))).toBe("fd00::1");
  });
});
