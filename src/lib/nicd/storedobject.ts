import type { HostInterface } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { type Fault, InvalidInput } from "../errors.ts";
import { fieldOf } from "../plan/networkof.ts";
import { block, field, fields, flag, list, map, number, oneOf, type Shape, text } from "./shape.ts";

/** What nicd reads of each kind that it keeps a copy of; what it does not read may be anything. */
const specs: Readonly<Record<string, Shape>> = {
  CIDR: fields({
    // By a mode that is not known nobody can tell which routes are wanted.
    config: fields({ name: text, subnet: text }, { vlanMode: oneOf(["", "l2", "l3", "l3s"]) }),
    cidr: list(
      fields({
        netAddress: text,
        interfaceIndex: number,
        vlanCIDR: block,
        hosts: list(
          fields({
            hostIndex: number,
            hostName: text,
            interfaceName: text,
            hostIP: text,
            podCIDR: block,
          }),
        ),
      }),
    ),
  }),
  MultiNicNetwork: fields(
    { plugin: fields({ type: text }, { args: map(text) }) },
    {
      subnet: text,
      masterNets: list(text),
      multiNICIPAM: flag,
      attachPolicy: fields({}, { strategy: text, target: text }),
      hostAccess: flag,
      rails: flag,
    },
  ),
  DeviceClass: fields({ ids: list(fields({ vendor: text, products: list(text) })) }),
  Config: fields(
    {},
    {
      logLevel: number,
      urgentReconcileSeconds: number,
      normalReconcileMinutes: number,
      longReconcileMinutes: number,
      contextTimeoutMinutes: number,
    },
  ),
  HostInterface: fields({
    hostName: text,
    interfaces: list(
      fields(
        { interfaceName: text },
        { netAddress: text, hostIP: text, vendor: text, product: text, pciAddress: text },
      ),
    ),
  }),
  IPPool: fields({
    podCIDR: text,
    vlanCIDR: text,
    netAttachDef: text,
    hostName: text,
    interfaceName: text,
    excludes: list(text),
    allocations: list(fields({ pod: text, namespace: text, index: number, address: text })),
  }),
};

const statuses: Readonly<Record<string, Shape>> = {
  HostInterface: fields(
    {},
    {
      networks: list(
        fields(
          {
            name: text,
            wanted: number,
            applied: number,
            failures: list(text),
            podCIDRs: list(text),
          },
          { observed: list(text) },
        ),
      ),
      conditions: list(
        fields({
          type: text,
          status: text,
          reason: text,
          message: text,
          lastTransitionTime: text,
        }),
      ),
    },
  ),
  IPPool: fields({}, { usage: text }),
};

/** Checks that what nicd reads of a stored object is of its types, and returns it; throws InvalidInput with every fault. */
export function parseStored<T extends KubeObject>(object: T): T {
  const { kind, metadata } = object;
  const faults: Fault[] = [];
  field("spec", specs[kind], { of: object, faults });
  if (fieldOf(object, "status") !== undefined)
    field("status", statuses[kind], { of: object, faults });
  if (faults.length > 0)
    throw new InvalidInput(
      `${kind} ${metadata.name} cannot be used`,
      faults.map(({ path, problem }) => ({ path: path.slice(1), problem })),
    );
  return object;
}

/** Tells whether what nicd reads of a stored object is of its types. */
export function isSound(object: KubeObject): boolean {
  try {
    parseStored(object);
    return true;
  } catch (error) {
    if (error instanceof InvalidInput) return false;
    throw error;
  }
}

/**
 * Returns a host's own object with what can be read of it: nicd writes its status, and its spec unless that is the user's,
 * so that nothing here keeps it from being mended.
 */
export function soundHostInterface(object: HostInterface): HostInterface {
  const bare: HostInterface = { ...object, status: undefined };
  const spec = isSound(bare) ? object.spec : { hostName: object.metadata.name, interfaces: [] };
  const sound = { ...object, spec };
  return isSound(sound) ? sound : { ...sound, status: undefined };
}
