import { describe } from "bun:test";
import { guestCases } from "../support/guestcases.ts";
import { ownPlanes } from "./guest/networks.ts";

const more = ownPlanes.map(
  (one) => `pods reach each other over ${one.kind} ${one.mode} on ${one.master}`,
);

describe("multinic in User-Mode Linux", () => {
  const files = ["./test/uml/guest/demo.ts", "./test/uml/guest/scenario.ts"];
  guestCases({ files, seconds: 900, more });
});
