import { expect, test } from "bun:test";
import { join } from "node:path";
import { allowedLicences, ownManifest, page, shipped, texts } from "../support/third-party.ts";

const root = join(import.meta.dir, "../..");

test("package.json pins every dependency to one version", () => {
  const { dependencies = {}, devDependencies } = ownManifest();
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(`${name} ${version}`).toMatch(/ [0-9]+\.[0-9]+\.[0-9]+$/);
  }
});

test("bun.lock has a checksum of every package, and none from elsewhere than a registry", async () => {
  const text = await Bun.file(join(root, "bun.lock")).text();
  const packages = text
    .slice(text.indexOf('"packages"'))
    .split("\n")
    .filter((line) => /^ {4}"/.test(line));
  expect(packages.length).toBeGreaterThan(50);
  for (const line of packages) expect(line).toMatch(/"sha512-[A-Za-z0-9+/]{86}=="\],$/);
  expect(text).not.toMatch(/git\+|github:|file:|https?:/);
});

test("docs/third-party.md is what is installed (make third-party writes it anew)", async () => {
  expect(await Bun.file(join(root, "docs/third-party.md")).text()).toBe(page(shipped()));
});

test("the licences' texts name every package that brings one", () => {
  const packages = shipped();
  const all = texts(packages);
  for (const { name, version, text } of packages)
    if (text !== "") expect(all).toContain(`${name} ${version}`);
});

test("shipped packages have licences that may be in a program under Apache-2.0", () => {
  const packages = shipped();
  expect(packages.length).toBeGreaterThan(20);
  for (const { name, licence } of packages) {
    const one = licence.replace(/^\((.*)\)$/, "$1").split(/ OR /);
    const why = `${name}: ${licence}`;
    expect(
      one.some((each) => allowedLicences.includes(each)),
      why,
    ).toBe(true);
  }
});
