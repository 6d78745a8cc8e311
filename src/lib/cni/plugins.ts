import { cniCode, isObject, type JsonObject, parseVersion } from "../api/cni.ts";
import { type CniResult, parseResult } from "../api/cni-result.ts";
import { explain, Failure } from "../errors.ts";
import { DelegateFault } from "./answer.ts";
import type { CniDeps } from "./deps.ts";
import type { Command, Invocation } from "./invocation.ts";

/** One call of another plugin. */
export interface PluginCall {
  readonly command: Command;
  readonly type: string;
  readonly ifname: string;
  readonly config: JsonObject;
  /** Static addresses of this one NIC, for an IPAM that takes them from CNI_ARGS. */
  readonly ips?: readonly string[];
}

/**
 * Calls another plugin found in CNI_PATH with our environment, another command and interface name. Throws a
 * DelegateFault that carries its error JSON, or a Failure when there is no such plugin or its answer cannot be read.
 */
export async function callPlugin(
  { command, type, ifname, config, ips = [] }: PluginCall,
  call: Invocation,
  deps: CniDeps,
): Promise<CniResult | undefined> {
  const file = await find(type, call, deps);
  const doing = `Cannot ${command} ${ifname} with the plugin ${type}`;
  const { exitCode, stdout } = await deps.runPlugin(file, {
    env: {
      ...call.environment,
      CNI_COMMAND: command,
      CNI_IFNAME: ifname,
      CNI_ARGS: argsOfNic(call.environment["CNI_ARGS"] ?? "", ips),
    },
    stdin: JSON.stringify(config),
  });
  if (exitCode !== 0) throw refusal(doing, { exitCode, stdout });
  if (command !== "ADD") return undefined;
  const assumed = parseVersion(config["cniVersion"] ?? "0.1.0");
  try {
    return parseResult(JSON.parse(stdout), assumed);
  } catch (cause) {
    throw new Failure(doing, { code: cniCode.decode, cause });
  }
}

/** Calls several at once and waits for all, so that nothing is still running when we undo. Throws the first error. */
export async function callAll<T>(calls: readonly Promise<T>[], deps: CniDeps): Promise<T[]> {
  const results: T[] = [];
  const errors: unknown[] = [];
  for (const settled of await Promise.allSettled(calls)) {
    if (settled.status === "fulfilled") results.push(settled.value);
    else errors.push(settled.reason);
  }
  if (errors.length === 0) return results;
  for (const error of errors.slice(1))
    deps.log.error("another plugin failed too", { why: explain(error) });
  throw errors[0];
}

async function find(type: string, call: Invocation, deps: CniDeps): Promise<string> {
  if (call.path.length === 0) {
    throw new Failure("The environment of the CNI call is not valid", {
      code: cniCode.environment,
      cause: new Failure(`CNI_PATH is missing, and ${type} has to be found in it`),
    });
  }
  try {
    return await deps.findPlugin(type, call.path);
  } catch (cause) {
    throw new Failure(`Cannot call the plugin ${type}`, { code: cniCode.config, cause });
  }
}

/** An error object of the spec goes on as it came; anything else is told by us. */
function refusal(doing: string, ran: { exitCode: number; stdout: string }): Failure {
  const answer = ran.stdout.trim();
  try {
    const parsed: unknown = JSON.parse(answer);
    if (isObject(parsed) && typeof parsed["code"] === "number") {
      const said = typeof parsed["msg"] === "string" ? parsed["msg"] : `code ${parsed["code"]}`;
      return new DelegateFault(`${doing}: ${said}`, {
        answer,
        exitCode: ran.exitCode,
      });
    }
  } catch {
    // No JSON: said below.
  }
  const said = answer === "" ? "no error on stdout" : answer.slice(0, 500);
  return new Failure(doing, {
    code: cniCode.delegate,
    cause: new Failure(`it ended with ${ran.exitCode} and ${said}`),
  });
}

/** The pod's IP= and MAC= are for all NICs together; a single-NIC plugin would give every NIC all of them. */
function argsOfNic(args: string, ips: readonly string[]): string {
  const pairs = args.split(";").filter((pair) => pair !== "" && !/^(IP|MAC)=/.test(pair));
  // Plugins that know several take them from runtimeConfig; host-local cannot read a list here.
  if (ips.length === 1) pairs.push(`IP=${ips[0]}`);
  return pairs.join(";");
}
