import { expect, test } from "bun:test";
import { codeOf, explain, Failure, InvalidInput } from "../../src/lib/errors.ts";

test("explain puts what we were doing before why, once each", () => {
  const why = new Failure("Network is unreachable (ENETUNREACH)", { code: "ENETUNREACH" });
  const error = new Failure("Cannot add route 10.1.0.0/24 via 10.0.0.2 dev eth1", { cause: why });
  expect(explain(error)).toBe(
    "Cannot add route 10.1.0.0/24 via 10.0.0.2 dev eth1: Network is unreachable (ENETUNREACH)",
  );
  expect(explain(new Failure("same", { cause: new Error("same") }))).toBe("same");
  expect(explain("plain text")).toBe("plain text");
});

test("codeOf finds the first code along the causes", () => {
  expect(codeOf(new Failure("a", { cause: new Failure("b", { code: "ENOENT" }) }))).toBe("ENOENT");
  expect(codeOf(new Failure("a"))).toBeUndefined();
});

test("InvalidInput names every fault with its path", () => {
  const error = new InvalidInput("MultiNicNetwork a is not valid", [
    { path: "spec.subnet", problem: '"10.0.0.0/33": prefix length is 0 to 32' },
    { path: "", problem: "empty document" },
  ]);
  expect(error.message).toBe(
    'MultiNicNetwork a is not valid: spec.subnet: "10.0.0.0/33": prefix length is 0 to 32; empty document',
  );
});
