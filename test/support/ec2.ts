import { createHash, createHmac, randomUUID } from "node:crypto";

/** A network interface as the pretended EC2 keeps it. */
export interface FakeEni {
  readonly id: string;
  readonly mac: string;
  readonly primary: string;
  instance: string;
  readonly secondary: string[];
  readonly six: string[];
  readonly prefixes: string[];
  /** Private addresses that its instance type allows, the primary one included. */
  limit: number;
}

export interface FakeCloud {
  readonly enis: FakeEni[];
  /** Every action with its parameters, signature checked. */
  readonly calls: { action: string; params: Record<string, string> }[];
  /** Codes to answer the next calls with, first first; `RequestLimitExceeded` with 503. */
  readonly refuse: string[];
  /** Address pools: codes by action that are always answered. */
  readonly always: Map<string, string>;
  metadata: "on" | "off" | "silent" | "no role";
  /** Sessions that were opened. */
  readonly tokens: Set<string>;
  readonly imds: (request: Request) => Promise<Response>;
  readonly ec2: (request: Request) => Promise<Response>;
}

export const instance = "i-00000000000000001";
const region = "us-east-1";
const secret = "PLACEHOLDER-SECRET";

/**
 * Speaks EC2's query API and the instance metadata, version 2, as far as `aws-ipvlan` uses them: sessions, signatures,
 * limits and errors as the references have them.
 */
export function fakeCloud(enis: readonly Partial<FakeEni>[] = [{}]): FakeCloud {
  const cloud: FakeCloud = {
    enis: enis.map((each, i) => ({
      id: `eni-0000000000000000${i + 1}`,
      mac: `02:00:00:aa:00:0${i + 1}`,
      primary: `10.0.${i + 1}.10`,
      instance,
      secondary: [],
      six: [],
      prefixes: [],
      limit: 15,
      ...each,
    })),
    calls: [],
    refuse: [],
    always: new Map(),
    metadata: "on",
    tokens: new Set(),
    imds: (request) => metadata(cloud, request),
    ec2: (request) => query(cloud, request),
  };
  return cloud;
}

async function metadata(cloud: FakeCloud, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const none = (status: number) => new Response("", { status });
  // The hop limit: the answer's packets end on their way.
  if (cloud.metadata === "silent") return new Promise(() => {});
  if (cloud.metadata === "off") return none(403);
  if (pathname === "/latest/api/token") {
    if (request.method !== "PUT" || request.headers.has("x-forwarded-for")) return none(403);
    const ttl = Number(request.headers.get("x-aws-ec2-metadata-token-ttl-seconds"));
    if (!(ttl >= 1 && ttl <= 21600)) return none(400);
    const token = randomUUID();
    cloud.tokens.add(token);
    return new Response(token, { headers: { "x-aws-ec2-metadata-token-ttl-seconds": `${ttl}` } });
  }
  if (!cloud.tokens.has(request.headers.get("x-aws-ec2-metadata-token") ?? "")) return none(401);
  const role = cloud.metadata === "no role" ? undefined : "pods-role";
  const keys = { AccessKeyId: "AKIDEXAMPLE", SecretAccessKey: secret, Token: "session" };
  const known: Record<string, string | undefined> = {
    "placement/region": region,
    "instance-id": instance,
    "services/domain": "amazonaws.com",
    "iam/security-credentials/": role,
    "iam/security-credentials/pods-role": JSON.stringify({ Code: "Success", ...keys }),
  };
  const text = known[pathname.replace("/latest/meta-data/", "")];
  return text === undefined ? none(404) : new Response(text);
}

async function query(cloud: FakeCloud, request: Request): Promise<Response> {
  const body = await request.text();
  const params = Object.fromEntries(new URLSearchParams(body));
  const { Action: action = "", ...rest } = params;
  if (!isSigned(request, body)) return refusal("AuthFailure", 401);
  cloud.calls.push({ action, params: rest });
  const code = cloud.refuse.shift() ?? cloud.always.get(action);
  if (code) return refusal(code);
  const answer = (inner: string) =>
    new Response(
      `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`,
      { headers: { "content-type": "text/xml;charset=UTF-8" } },
    );
  if (action === "DescribeNetworkInterfaces") {
    const wanted = params["Filter.1.Value.1"] ?? "";
    const six = params["Filter.1.Name"] === "ipv6-addresses.ipv6-address";
    const found = cloud.enis.filter((eni) =>
      six ? eni.six.includes(wanted) : [eni.primary, ...eni.secondary].includes(wanted),
    );
    return answer(`<networkInterfaceSet>${found.map(itemOf).join("")}</networkInterfaceSet>`);
  }
  const eni = cloud.enis.find(({ id }) => id === params["NetworkInterfaceId"]);
  if (!eni) return refusal("InvalidNetworkInterfaceID.NotFound");
  const addresses = Object.entries(params)
    .filter(([name]) => /^(PrivateIpAddress|Ipv6Addresses)\.[0-9]+$/.test(name))
    .map(([, value]) => value);
  const code2 = change(cloud, eni, { action, addresses });
  return code2 ? refusal(code2) : answer("<return>true</return>");
}

function change(
  cloud: FakeCloud,
  eni: FakeEni,
  { action, addresses }: { action: string; addresses: readonly string[] },
): string | undefined {
  const list = action.includes("Ipv6") ? eni.six : eni.secondary;
  if (action.startsWith("Assign")) {
    if (list.length + addresses.length >= eni.limit) return "PrivateIpAddressLimitExceeded";
    for (const other of cloud.enis) take(other.secondary, addresses);
    list.push(...addresses);
    return undefined;
  }
  if (!addresses.every((address) => list.includes(address))) return "InvalidParameterValue";
  take(list, addresses);
  return undefined;
}

function take(list: string[], gone: readonly string[]): void {
  const left = list.filter((each) => !gone.includes(each));
  list.splice(0, list.length, ...left);
}

function itemOf(eni: FakeEni): string {
  const items = (name: string, inner: string, list: readonly string[]) =>
    list.length === 0
      ? `<${name}/>`
      : `<${name}>${list.map((each) => `<item><${inner}>${each}</${inner}></item>`).join("")}</${name}>`;
  const attached = eni.instance
    ? `<attachment><instanceId>${eni.instance}</instanceId><status>attached</status></attachment>`
    : "";
  return [
    `<item><networkInterfaceId>${eni.id}</networkInterfaceId><macAddress>${eni.mac}</macAddress>`,
    `<privateIpAddress>${eni.primary}</privateIpAddress>${attached}`,
    items("privateIpAddressesSet", "privateIpAddress", [eni.primary, ...eni.secondary]),
    items("ipv6AddressesSet", "ipv6Address", eni.six),
    items("ipv4PrefixSet", "ipv4Prefix", eni.prefixes),
    "</item>",
  ].join("");
}

function refusal(code: string, status = code === "RequestLimitExceeded" ? 503 : 400): Response {
  return new Response(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>no program reads this</Message></Error></Errors><RequestID>r</RequestID></Response>`,
    { status },
  );
}

/** Signature Version 4, from its description (IAM User Guide, "Create a signed AWS API request"), not from the library under test. */
function isSigned(request: Request, body: string): boolean {
  const header = request.headers.get("authorization") ?? "";
  const [, scope = "", names = "", signature = ""] =
    /Credential=AKIDEXAMPLE\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)/.exec(
      header,
    ) ?? [];
  const date = request.headers.get("x-amz-date") ?? "";
  const [day = "", where = "", service = ""] = scope.split("/");
  if (where !== region || service !== "ec2" || !names.includes("x-amz-security-token"))
    return false;
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const mac = (key: string | Buffer, text: string) =>
    createHmac("sha256", key).update(text).digest();
  const headers = names
    .split(";")
    .map((name) => `${name}:${request.headers.get(name)?.trim() ?? ""}\n`)
    .join("");
  const canonical = ["POST", "/", "", headers, names, sha(body)].join("\n");
  const text = ["AWS4-HMAC-SHA256", date, scope, sha(canonical)].join("\n");
  const key = mac(mac(mac(mac(`AWS4${secret}`, day), where), service), "aws4_request");
  return mac(key, text).toString("hex") === signature;
}
