import type { Client } from "@grpc/grpc-js";
import { Failure } from "../errors.ts";
import type { PodDevice } from "../plan/choice-poddevices.ts";
import { type ProtoField, protoFields } from "./protobuf.ts";

/** gRPC status UNIMPLEMENTED: the kubelet does not know this version. */
const unimplemented = 12;
/** Versions of the API by age of the kubelet: v1 since 1.20. */
const services = ["v1.PodResourcesLister", "v1alpha1.PodResourcesLister"];

/** One pod and what the kubelet gave to its containers. */
export interface PodResources {
  readonly namespace: string;
  readonly name: string;
  readonly devices: readonly PodDevice[];
}

/** Asks the kubelet over its PodResources socket for the devices of every pod; throws when it does not answer. */
export async function listPodResources(
  socket: string,
  options: { timeoutMs?: number } = {},
): Promise<PodResources[]> {
  // Loaded only here: it costs nicd's start 13 ms.
  const grpc = await import("@grpc/grpc-js");
  const client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
    // A socket path is no :authority (RFC 3986 host).
    "grpc.default_authority": "localhost",
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
  });
  try {
    for (const service of services) {
      const found = await list(client, `/${service}/List`, options.timeoutMs ?? 5_000);
      if (found) return found;
    }
    throw new Failure(`it knows none of ${services.join(", ")}`);
  } catch (cause) {
    throw new Failure(`Cannot ask the kubelet for pods' devices over ${socket}`, { cause });
  } finally {
    client.close();
  }
}

/** Answers undefined when the kubelet does not know the method. */
function list(
  client: Client,
  method: string,
  timeoutMs: number,
): Promise<PodResources[] | undefined> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + timeoutMs };
    client.makeUnaryRequest(
      method,
      () => Buffer.alloc(0),
      parsePodResources,
      {},
      options,
      (error, pods) => {
        if (error) return error.code === unimplemented ? resolve(undefined) : reject(error);
        return pods ? resolve(pods) : reject(new Failure("the answer was empty"));
      },
    );
  });
}

/**
 * Reads a ListPodResourcesResponse (k8s.io/kubelet podresources v1 and v1alpha1): 1 pod {1 name, 2 namespace, 3 container
 * {2 device {1 resource, 2 ids, 3 topology {1 node {1 id}}}}}. NUMA node 0 comes as an empty node. A device on several nodes
 * counts for the first.
 */
export function parsePodResources(bytes: Uint8Array): PodResources[] {
  return messages(protoFields(bytes), 1).map((pod) => ({
    name: text(pod, 1),
    namespace: text(pod, 2),
    devices: messages(pod, 3).flatMap((container) => messages(container, 2).flatMap(devicesOf)),
  }));
}

function devicesOf(device: readonly ProtoField[]): PodDevice[] {
  const resource = text(device, 1);
  const [topology] = messages(device, 3);
  const [node] = topology ? messages(topology, 1) : [];
  const id = node?.find((field) => field.number === 1)?.value ?? 0n;
  if (typeof id !== "bigint") throw unreadable("a NUMA node is no number");
  const numaNode = node && id < 1024n ? { numaNode: Number(id) } : {};
  return device
    .filter((field) => field.number === 2)
    .map((field) => ({ resource, id: decode(field), ...numaNode }));
}

function messages(fields: readonly ProtoField[], number: number): ProtoField[][] {
  return fields
    .filter((field) => field.number === number)
    .map(({ value }) => {
      if (value instanceof Uint8Array) return protoFields(value);
      throw unreadable(`field ${number} is no message`);
    });
}

function text(fields: readonly ProtoField[], number: number): string {
  const field = fields.find((each) => each.number === number);
  return field ? decode(field) : "";
}

function decode({ number, value }: ProtoField): string {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  throw unreadable(`field ${number} is no text`);
}

function unreadable(why: string): Failure {
  return new Failure(`Cannot read the kubelet's answer: ${why}`);
}
