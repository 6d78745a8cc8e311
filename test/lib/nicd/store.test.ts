import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { schemaSteps, schemaVersion } from "../../../src/lib/nicd/schema.ts";
import { openStore } from "../../../src/lib/nicd/store.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";
import { tempFolder } from "../../support/tempfolder.ts";

function folder(): Disposable & { path: string; file: string } {
  const made = tempFolder("store");
  return { ...made, file: join(made.path, "state", "state.db") };
}

describe("openStore", () => {
  test("makes the record in WAL mode with its schema version", () => {
    using at = folder();
    openStore(at.file).close();
    const db = new Database(at.file);
    expect(db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(db.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
    db.close();
  });

  test("keeps what was there", () => {
    using at = folder();
    const first = openStore(at.file);
    first.setMeta("bootId", "b1");
    first.putObject("IPPool", "p", "{}");
    first.close();
    const second = openStore(at.file);
    expect(second.meta("bootId")).toBe("b1");
    expect(second.meta("other")).toBeUndefined();
    expect(second.objects("IPPool")).toEqual([{ name: "p", json: "{}" }]);
    second.deleteObject("IPPool", "p");
    expect(second.objects("IPPool")).toEqual([]);
    second.close();
  });

  test.each(Array.from({ length: schemaVersion }, (_, i) => i))(
    "brings a record of schema version %i up to date, and keeps what is in it",
    (version) => {
      using at = folder();
      mkdirSync(dirname(at.file));
      const old = new Database(at.file);
      for (const step of schemaSteps.slice(0, version)) old.run(step);
      old.run(`PRAGMA user_version = ${version}`);
      if (version > 0)
        old.run(
          "INSERT INTO attachments VALUES (1,'net','c1','net1','ns','p','u','/n','1','2','b','ipvlan','l3','none',5)",
        );
      if (version > 0)
        old.run(
          "INSERT INTO interfaces (attachment, position, name, master, net_address, pci_address) VALUES (1,0,'net1-0','eth1','10.0.1.0/24','0000:00:05.0')",
        );
      old.close();
      const store = openStore(at.file);
      expect(store.records.list().map((r) => r.interfaces.map((nic) => nic.master))).toEqual(
        version > 0 ? [["eth1"]] : [],
      );
      store.close();
      const after = new Database(at.file);
      expect(after.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
      after.close();
    },
  );

  test("refuses a newer schema by name, and leaves the file as it is", () => {
    using at = folder();
    openStore(at.file).close();
    const db = new Database(at.file);
    db.run(`PRAGMA user_version = ${schemaVersion + 1}`);
    db.close();
    expect(() => openStore(at.file)).toThrow(
      `it has schema version ${schemaVersion + 1}, this multinic knows ${schemaVersion}; run the version that wrote it`,
    );
    const after = new Database(at.file);
    expect(after.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion + 1 });
    after.close();
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    [
      "text",
      () => Buffer.from("this is no database, and long enough to be read as one".repeat(99)),
    ],
    ["a cut-off file", (bytes) => bytes.subarray(0, 5000)],
    [
      "overwritten pages",
      (bytes) => Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 7)]),
    ],
  ])("refuses %s, and never starts afresh", (_, damage) => {
    using at = folder();
    openStore(at.file).close();
    const damaged = damage(readFileSync(at.file));
    writeFileSync(at.file, damaged);
    expect(() => openStore(at.file)).toThrow(/Cannot read the node's record .*it is not replaced/);
    expect(readFileSync(at.file).equals(damaged)).toBe(true);
  });

  test.each(["nfs4", "fuse.sshfs", "fuse"])("refuses a folder on %s", (type) => {
    using at = folder();
    const mountinfo = `22 1 0:1 / / rw - ext4 /dev/sda rw\n23 22 0:2 / ${at.path} rw - ${type} host:/x rw\n`;
    expect(() => openStore(at.file, { mountinfo })).toThrow(
      `${at.path} is ${type}, where file locks do not hold; use a local disk or tmpfs`,
    );
  });

  test("takes a folder on tmpfs", () => {
    using at = folder();
    openStore(at.file, { mountinfo: `22 1 0:1 / ${at.path} rw - tmpfs tmpfs rw\n` }).close();
  });

  test("transaction takes back everything when it throws", () => {
    using node = testNode();
    const work = () => {
      node.store.setMeta("a", "1");
      node.store.tables.adopt("net", 30_000);
      throw new Error("no");
    };
    expect(() => node.store.transaction(work)).toThrow("no");
    expect(node.store.meta("a")).toBeUndefined();
    expect(node.store.tables.list()).toEqual([]);
  });

  test("keeps every attach that was answered before kill -9, and its addresses", async () => {
    using at = folder();
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../support/committer.ts"), at.path],
      { stdout: "pipe", stderr: "inherit" },
    );
    let heard = "";
    for await (const chunk of child.stdout) {
      heard += new TextDecoder().decode(chunk);
      if (heard.includes("c20\n")) child.kill("SIGKILL");
    }
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    const answered = heard.split("\n").slice(0, -1);
    using node = testNode({ folder: at.path });
    const kept = node.attachments.list();
    const names = kept.map((record) => record.containerID);
    expect(names.slice(0, answered.length)).toEqual(answered);
    const given = kept.flatMap((r) =>
      r.interfaces.flatMap((i) => i.addresses.map((a) => a.address)),
    );
    expect(new Set(given).size).toBe(2 * kept.length);
    const next = node.attachments.attach(attachRequest("next"));
    expect(given).not.toContain(next.interfaces[0]?.addresses[0]?.replace("/18", ""));
  });
});
