import {
  type CniHeader,
  type CniVersion,
  cniCode,
  cniVersions,
  isObject,
  parseHeader,
  parseVersion,
  versionAtLeast,
} from "../api/cni.ts";
import { type CniResult, formatResult } from "../api/cni-result.ts";
import { Failure } from "../errors.ts";
import type { Environment } from "../settings.ts";
import { about, DelegateFault, errorAnswer, versionAnswer } from "./answer.ts";
import { type Command, type Invocation, parseInvocation, since } from "./invocation.ts";

/** What carries out the commands; only ADD answers with a result. */
export type CniVerbs = {
  readonly [C in Exclude<Command, "VERSION">]: (
    call: Invocation,
    header: CniHeader,
  ) => Promise<C extends "ADD" ? CniResult : void>;
};

export interface CniProgram {
  readonly name: string;
  readonly version: string;
  /** Bytes that the program appends to CNI_IFNAME. */
  readonly suffix: number;
  /** Loads what VERSION does not need. */
  verbs(call: Invocation): Promise<CniVerbs>;
}

export interface CniHost {
  readonly env: Environment;
  /** Waits until this process may work; everything but VERSION does, before anything more is loaded. */
  enter(): void;
  readStdin(): Promise<string>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * Runs one call of a CNI plugin and returns the exit code. Whatever happens, stdout holds one JSON object or, for
 * commands without a result, nothing.
 */
export async function runCni(program: CniProgram, host: CniHost): Promise<number> {
  if (!host.env["CNI_COMMAND"]) {
    host.err(about(program.name, program.version));
    return 0;
  }
  let stdin = "";
  let cniVersion: CniVersion | undefined;
  try {
    const call = parseInvocation(host.env, program);
    if (call.command === "VERSION") {
      host.out(JSON.stringify(versionAnswer()));
      return 0;
    }
    host.enter();
    stdin = await read(host);
    const header = parseHeader(stdin);
    cniVersion = header.cniVersion;
    refuseTooOld(call.command, cniVersion);
    const verbs = await program.verbs(call);
    const result = await verbs[call.command](call, header);
    if (result) host.out(JSON.stringify(formatResult(result, cniVersion)));
    return 0;
  } catch (error) {
    if (error instanceof DelegateFault) {
      host.out(error.answer);
      return error.exitCode;
    }
    host.out(JSON.stringify(errorAnswer(error, cniVersion ?? versionOf(stdin))));
    return 1;
  }
}

/** The version to say an error in: the configuration's, however bad the rest of it is, else the latest. */
function versionOf(stdin: string): CniVersion {
  try {
    const raw: unknown = JSON.parse(stdin);
    if (isObject(raw)) return parseVersion(raw["cniVersion"] ?? "0.1.0");
  } catch {
    // No configuration, or a version that is not ours: the error itself says so.
  }
  return cniVersions[cniVersions.length - 1] ?? "1.1.0";
}

async function read(host: CniHost): Promise<string> {
  try {
    return await host.readStdin();
  } catch (cause) {
    throw new Failure("Cannot read the network configuration from stdin", {
      code: cniCode.io,
      cause,
    });
  }
}

function refuseTooOld(command: Command, cniVersion: CniVersion): void {
  const least = since[command];
  if (!least || versionAtLeast(cniVersion, least)) return;
  throw new Failure(`${command} is not possible with cniVersion ${cniVersion}`, {
    code: cniCode.version,
    cause: new Failure(`the configuration must say ${least} or later`),
  });
}
