import { expect, test } from "bun:test";
import { join } from "node:path";

const main = join(import.meta.dir, "../../src/main.ts");

/** Runs the program under its name, as a runtime does. */
function call(command: string | undefined): { exitCode: number; out: string; err: string } {
  const run = Bun.spawnSync(["/bin/bash", "-c", `exec -a aws-ipvlan ${process.execPath} ${main}`], {
    env: command === undefined ? {} : { CNI_COMMAND: command },
  });
  return { exitCode: run.exitCode, out: run.stdout.toString(), err: run.stderr.toString() };
}

test("aws-ipvlan says which versions of CNI it speaks, and to a person what it is", () => {
  expect(JSON.parse(call("VERSION").out)).toMatchObject({ cniVersion: "1.1.0" });
  expect(call(undefined)).toMatchObject({ exitCode: 0, out: "" });
  expect(call(undefined).err).toContain("aws-ipvlan of multinic");
});

test("aws-ipvlan names every variable that is missing", () => {
  const { exitCode, out } = call("ADD");
  expect([exitCode, JSON.parse(out)]).toEqual([
    1,
    expect.objectContaining({
      code: 4,
      details: "CNI_CONTAINERID is missing; CNI_NETNS is missing; CNI_IFNAME is missing",
    }),
  ]);
});
