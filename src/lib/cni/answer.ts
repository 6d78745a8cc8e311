import { type CniVersion, cniCode, cniVersions, type JsonObject } from "../api/cni.ts";
import { explain, Failure, InvalidInput } from "../errors.ts";
import { NodeRefusal } from "../node/client.ts";

/** A plugin that we called refused: its error JSON and exit code go to our caller as they came. */
export class DelegateFault extends Failure {
  /** The delegate's stdout, an error object of the spec. */
  readonly answer: string;
  readonly exitCode: number;

  constructor(message: string, options: { answer: string; exitCode: number }) {
    super(message, { code: cniCode.delegate });
    this.answer = options.answer;
    this.exitCode = options.exitCode;
  }
}

/** Says an error as the spec's section "Error" does; `msg` is what we were doing, `details` why. */
export function errorAnswer(error: unknown, cniVersion: CniVersion): JsonObject {
  const { msg, details } = words(error);
  return { cniVersion, code: spokenCode(error), msg, details };
}

/** Answers VERSION. */
export function versionAnswer(): JsonObject {
  return { cniVersion: cniVersions.at(-1), supportedVersions: cniVersions };
}

/** Says on one page what this program is, for a person who runs it by hand. */
export function about(program: string, version: string): string {
  return [
    `${program} of multinic ${version}: a CNI plugin, run by a container runtime with CNI_COMMAND set.`,
    `CNI protocol versions supported: ${cniVersions.join(", ")}`,
  ].join("\n");
}

function words(error: unknown): { msg: string; details: string } {
  if (error instanceof NodeRefusal) return error.fault;
  if (!(error instanceof Error)) return { msg: String(error), details: "" };
  return { msg: error.message, details: explain(error.cause) };
}

/** Returns the first code along the causes that is a CNI code; errno names and the like are not. */
function spokenCode(error: unknown): number {
  let at: unknown = error;
  for (let depth = 0; at instanceof Failure && depth < 8; depth++) {
    if (at instanceof InvalidInput) return Number(cniCode.config);
    if (at.code === "DaemonDown") return Number(cniCode.later);
    if (at.code !== undefined && /^[0-9]+$/.test(at.code)) return Number(at.code);
    at = at.cause;
  }
  return Number(cniCode.kernel);
}
