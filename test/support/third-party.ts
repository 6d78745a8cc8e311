import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One package that is part of what we ship. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** SPDX expression of its package.json. */
  readonly licence: string;
  /** The licence's text as the package brings it; "" when it brings none. */
  readonly text: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** SPDX identifiers that may be in a program under Apache-2.0 without asking anybody. */
export const allowedLicences = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "PSF-2.0",
  "Unlicense",
];

const root = join(import.meta.dir, "../..");

/** Reads our own manifest. */
export function ownManifest(): Manifest & {
  readonly devDependencies: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

/** Walks what is installed from our dependencies down, as the runtime resolves it; sorted by name, each version once. */
export function shipped(): Package[] {
  const found = new Map<string, Package>();
  const walk = (name: string, from: string, optional: boolean) => {
    const folder = resolve(name, from);
    if (folder === undefined) {
      if (optional) return;
      throw new Error(`${name}, which ${from} needs, is not installed: bun install`);
    }
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const id = `${manifest.name}@${manifest.version}`;
    if (found.has(id)) return;
    const licence = typeof manifest.license === "string" ? manifest.license : "none";
    found.set(id, {
      name: manifest.name,
      version: manifest.version,
      licence,
      text: textOf(folder),
    });
    for (const each of Object.keys(manifest.dependencies ?? {})) walk(each, folder, false);
    for (const each of Object.keys(manifest.optionalDependencies ?? {})) walk(each, folder, true);
  };
  for (const name of Object.keys(ownManifest().dependencies ?? {})) walk(name, root, false);
  return [...found.values()].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1,
  );
}

/** Node's way: the package's own node_modules, then its parent's, up to ours. */
function resolve(name: string, from: string): string | undefined {
  for (let at = from; at !== dirname(at); at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  return undefined;
}

function textOf(folder: string): string {
  const file = readdirSync(folder)
    .sort()
    .find((name) => /^(licen[cs]e|copying|notice)([.-]|$)/i.test(name));
  return file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
}

/** Writes the page: a table of all. The texts themselves go with the image (`texts`), not into the tree. */
export function page(packages: readonly Package[]): string {
  const rows = packages.map(
    ({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`,
  );
  return `# What is in the programs beside our own code

Written by \`make third-party\`; a test holds it against what is installed. The runtime is Bun ${ownManifest().devDependencies["bun"]} (MIT), which contains
JavaScriptCore and WTF (LGPL-2.0 and BSD-2-Clause), BoringSSL (ISC and others), SQLite (public domain), and what its own list of licences names. We
change some of its bytes after the build (test/support/seal.ts): names of variables that it would obey. The licences' texts are in the image,
/usr/share/doc/multinic/copyright; \`make image\` gathers them.

| package | version | licence |
|---|---|---|
${rows.join("\n")}
`;
}

/** Writes each licence's text once, with the packages that bring it. */
export function texts(packages: readonly Package[]): string {
  const found = new Map<string, string[]>();
  for (const { name, version, text } of packages) {
    const plain = text.replaceAll("\r", "").replace(/[ \t]+$/gm, "");
    if (plain !== "") found.set(plain, [...(found.get(plain) ?? []), `${name} ${version}`]);
  }
  return [...found].map(([text, of]) => `${of.join(", ")}\n\n${text}\n`).join("\n\n");
}

if (import.meta.main) {
  const packages = shipped();
  const [out] = process.argv.slice(2);
  if (out === undefined) await Bun.write(join(root, "docs/third-party.md"), page(packages));
  else await Bun.write(out, texts(packages));
}
