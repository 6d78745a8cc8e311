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

test("aws-ipvlan refuses ADD in CNI form, and lets a pod go whose ADD it refused", () => {
  const added = call("ADD");
  expect([added.exitCode, JSON.parse(added.out)]).toEqual([
    1,
    expect.objectContaining({ code: 100, msg: "aws-ipvlan is not built yet" }),
  ]);
  expect(call("DEL")).toMatchObject({ exitCode: 0, out: "" });
});

test("aws-ipvlan says which versions of CNI it speaks, and to a person what it is", () => {
  expect(JSON.parse(call("VERSION").out)).toMatchObject({ cniVersion: "1.1.0" });
  expect(call(undefined)).toMatchObject({ exitCode: 0, out: "" });
  expect(call(undefined).err).toContain("aws-ipvlan of multinic");
});
