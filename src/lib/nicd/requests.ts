import { bandwidthExample, parseBandwidth } from "../api/bandwidth.ts";
import { type Fault, InvalidInput } from "../errors.ts";
import { parseAddress, parseAddressWithLength, parsePrefix } from "../ip.ts";
import type {
  AttachmentKey,
  AttachRequest,
  ExplainRequest,
  GcRequest,
  MendRequest,
  NetworkRef,
  NicRequest,
  PodRef,
  RecordRequest,
  StatusRequest,
} from "../node/contract.ts";
import { Fields, type TextRule } from "./fields.ts";

const name: TextRule = {
  max: 253,
  pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
  want: "letters, digits, _ . -, the first a letter or digit",
};
const ifname: TextRule = {
  max: 15,
  pattern: /^(?!\.{1,2}$)[\x21-\x2e\x30-\x39\x3b-\x7e]+$/,
  want: "an interface name: 1–15 printable characters without / : or space",
};
/** What Kubernetes names look like, or nothing where there is no Kubernetes (cnitool). */
const kube: TextRule = { max: 253, pattern: /^[A-Za-z0-9_.-]*$/, want: "a Kubernetes name" };
const number: TextRule = { max: 20, pattern: /^[0-9]*$/, want: "a decimal number" };
const path: TextRule = {
  max: 4096,
  pattern: /^\/(?!.*(^|\/)\.{1,2}(\/|$))[\x20-\x7e]*$/,
  want: "an absolute path without . and ..",
};
const word: TextRule = { max: 63, pattern: /^[A-Za-z0-9_.-]*$/, want: "letters, digits, _ . -" };
const pluginType: TextRule = { ...word, pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/ };
const device: TextRule = {
  max: 128,
  pattern: /^[A-Za-z0-9][A-Za-z0-9_.:,@-]*$/,
  want: "a device id",
};
const cidr: TextRule = { max: 64, test: (t) => parsePrefix(t) !== undefined, want: "a CIDR" };
const subnet: TextRule = {
  max: 128,
  test: (t) => t === "" || t.split(",").every((part) => parsePrefix(part.trim()) !== undefined),
  want: "one or two CIDRs, or nothing",
};
const bandwidth: TextRule = {
  max: 64,
  test: (t) => t === "" || parseBandwidth(t) !== undefined,
  want: bandwidthExample,
};
const address: TextRule = {
  max: 64,
  test: (t) => parseAddress(t) !== undefined || parseAddressWithLength(t) !== undefined,
  want: "an IP address, with or without prefix length",
};

/** Reads the body of `attach`; throws `InvalidInput` with every fault. Unknown keys pass: the CNI program may be newer. */
export function readAttach(body: unknown): AttachRequest {
  return read("attach", body, (fields) => {
    const pod = fields.object("pod");
    return {
      ...keyOf(fields),
      pod: podOf(pod),
      netns: fields.text("netns", path),
      netnsDev: fields.text("netnsDev", number),
      netnsIno: fields.text("netnsIno", number),
      ref: refOf(fields.object("ref")),
      request: wishOf(fields.object("request")),
      ips: fields.texts("ips", address),
      deviceIDs: fields.texts("deviceIDs", device),
    };
  });
}

/** Reads the body of `detach` and `check`. */
export function readKey(verb: "detach" | "check", body: unknown): AttachmentKey {
  return read(verb, body, keyOf);
}

/** Reads the body of `gc`; a missing `valid` is a fault, never an empty list. */
export function readGc(body: unknown): GcRequest {
  return read("gc", body, (fields) => ({
    network: fields.text("network", name),
    valid: fields.objects("valid").map((item) => ({
      containerID: item.text("containerID", name),
      ifname: item.text("ifname", ifname),
    })),
  }));
}

/** Reads the body of `status`. */
export function readStatus(body: unknown): StatusRequest {
  return read("status", body, (fields) => ({
    network: fields.text("network", name),
    ref: refOf(fields.object("ref")),
  }));
}

/** Reads the body of `explain`. */
export function readExplain(body: unknown): ExplainRequest {
  return read("explain", body, (fields) => ({
    pod: podOf(fields.object("pod")),
    tries: fields.objects("tries").map((item) => ({
      network: item.text("network", name),
      request: wishOf(item.object("request")),
    })),
  }));
}

/** Reads the body of `record`. */
export function readRecord(body: unknown): RecordRequest {
  return read("record", body, (fields) =>
    fields.has("objects") ? { objects: fields.flag("objects") } : {},
  );
}

/** Reads the body of `mend`; whether it is a dry run must be said. */
export function readMend(body: unknown): MendRequest {
  return read("mend", body, (fields) => ({ dryRun: fields.flag("dryRun") }));
}

function read<T>(verb: string, body: unknown, take: (fields: Fields) => T): T {
  const faults: Fault[] = [];
  const request = take(new Fields(body, "", faults));
  if (faults.length > 0) throw new InvalidInput(`Bad ${verb} request`, faults);
  return request;
}

function keyOf(fields: Fields): AttachmentKey {
  return {
    network: fields.text("network", name),
    containerID: fields.text("containerID", name),
    ifname: fields.text("ifname", ifname),
  };
}

function podOf(fields: Fields): PodRef {
  return {
    namespace: fields.text("namespace", kube),
    name: fields.text("name", kube),
    uid: fields.text("uid", kube),
  };
}

function refOf(fields: Fields): NetworkRef {
  return {
    subnet: fields.text("subnet", subnet),
    masterNets: fields.texts("masterNets", cidr),
    pooled: fields.flag("pooled"),
    pluginType: fields.text("pluginType", pluginType),
    mode: fields.text("mode", word),
  };
}

function wishOf(fields: Fields): NicRequest {
  return {
    ...(fields.has("nics") && { nics: fields.integer("nics", 0, 1024) }),
    ...(fields.has("masters") && { masters: fields.texts("masters", ifname) }),
    ...(fields.has("target") && { target: fields.text("target", bandwidth) }),
    ...(fields.has("class") && { class: fields.text("class", kube) }),
  };
}
