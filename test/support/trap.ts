import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder full of what a JavaScript runtime may load of its own accord; all of it reports itself when it runs. */
export interface Trap {
  readonly folder: string;
  /** A script that reports itself. */
  readonly script: string;
  /** Who ran something of the folder since the last call, by the name that they were called by. */
  sprung(): string[];
  [Symbol.dispose](): void;
}

/** Modules that the programs import, some of them lazily. */
const modules = ["yargs", "zod", "yaml", "prom-client", "ip-cidr", "ip-address", "@grpc/grpc-js"];

/** Lays the trap; `env` stands in its `.env` files. */
export function layTrap(env: Readonly<Record<string, string>> = {}): Trap {
  const folder = mkdtempSync(join(tmpdir(), "multinic-trap-"));
  const report = join(folder, "report");
  const evil = `require("node:fs").appendFileSync(${JSON.stringify(report)}, process.argv0 + "\\n");\n`;
  const script = join(folder, "evil.js");
  const variables = Object.entries({ TRAP: "sprung", BUN_OPTIONS: `--preload=${script}`, ...env })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
  const files: Record<string, string> = {
    "evil.js": evil,
    "index.js": evil,
    "index.ts": evil,
    "src/main.ts": evil,
    "bunfig.toml": `preload = ["./evil.js"]\n[run]\nbun = true\n[test]\npreload = ["./evil.js"]\n`,
    ".bunfig.toml": `preload = ["./evil.js"]\n`,
    ".npmrc": "registry=http://127.0.0.1:1/\n",
    "package.json": JSON.stringify({
      name: "trap",
      main: "./evil.js",
      module: "./evil.js",
      imports: { "#*": "./evil.js" },
      bun: { preload: ["./evil.js"] },
      scripts: { start: `node ${script}`, nicd: `node ${script}` },
    }),
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        baseUrl: ".",
        paths: { "*": ["./evil.js"] },
        jsxImportSource: "./evil.js",
      },
    }),
  };
  for (const name of [".env", ".env.local", ".env.production", ".env.production.local"])
    files[name] = variables;
  for (const name of modules) {
    files[`node_modules/${name}/index.js`] = evil;
    files[`node_modules/${name}/package.json`] = JSON.stringify({ name, main: "index.js" });
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return {
    folder,
    script,
    sprung() {
      const lines = existsSync(report) ? readFileSync(report, "utf8").trim().split("\n") : [];
      rmSync(report, { force: true });
      return lines;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
