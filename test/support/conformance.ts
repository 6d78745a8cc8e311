import { expect } from "bun:test";
import { type CniVersion, cniVersions } from "../../src/lib/api/cni.ts";
import { type CniAnswer, type CniNode, macvlanConfig } from "./cni.ts";

type Json = Record<string, unknown>;

/** One of our two plugins, and how a runtime or a main plugin calls it. */
export interface Subject {
  readonly program: "multi-nic" | "multi-nic-ipam";
  /** A configuration that works on host1 of the worked example. */
  config(more?: Json): Json;
  /** Addresses that an ADD gives. */
  readonly addresses: number;
  /** Interfaces that an ADD makes. */
  readonly links: number;
}

export const subjects: readonly Subject[] = [
  { program: "multi-nic", config: macvlanConfig, addresses: 2, links: 2 },
  {
    program: "multi-nic-ipam",
    config: (more = {}) => ({
      cniVersion: "1.1.0",
      name: "net",
      type: "macvlan",
      master: "eth2",
      subnet: "192.168.0.0/16",
      masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
      ipam: { type: "multi-nic-ipam" },
      ...more,
    }),
    addresses: 1,
    links: 0,
  },
];

/** Every plugin in every version of the spec that it says it supports. */
export const matrix: readonly (readonly [Subject["program"], CniVersion, Subject])[] =
  subjects.flatMap((subject) =>
    cniVersions.map((version) => [subject.program, version, subject] as const),
  );

export const bySubject = subjects.map((subject) => [subject.program, subject] as const);

export function atLeast(version: CniVersion, least: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(least);
}

/** Expects an error as the spec writes it: exit code, the four keys and no more, nothing else on stdout. */
export function expectError(answer: CniAnswer, code: number, details?: string | RegExp): void {
  expect([answer.json["code"], answer.out], answer.out).toEqual([code, answer.out]);
  expect(answer.exitCode).toBe(1);
  expect(Object.keys(answer.json).sort()).toEqual(["cniVersion", "code", "details", "msg"]);
  expect(cniVersions).toContain(answer.json["cniVersion"] as CniVersion);
  expect(answer.json["msg"]).not.toBe("");
  const said = `${answer.json["msg"]}: ${answer.json["details"]}`;
  if (details !== undefined) expect(said).toMatch(details);
}

/** Expects success without a result: exit code 0 and an empty stdout. */
export function expectDone(answer: CniAnswer): void {
  expect([answer.exitCode, answer.out]).toEqual([0, ""]);
}

/** Addresses that nicd has on record. */
export function held(at: CniNode): string[] {
  return at.node.attachments
    .list()
    .flatMap(({ interfaces }) => interfaces.flatMap((nic) => nic.addresses.map((a) => a.address)));
}
