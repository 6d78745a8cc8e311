import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { message, text } from "./protobuf.ts";

/** A device with its NUMA node; undefined = the plugin named none. */
export interface Given {
  resource: string;
  ids: string[];
  numaNode?: number | undefined;
}
export interface GivenPod {
  namespace: string;
  name: string;
  /** Devices by container. */
  containers: Given[][];
}

/** Writes a ListPodResourcesResponse as a kubelet does: NUMA node 0 is an empty node message. */
export function podResourcesAnswer(pods: readonly GivenPod[]): Buffer {
  return Buffer.concat(
    pods.map((pod) =>
      message(1, [
        text(1, pod.name),
        text(2, pod.namespace),
        ...pod.containers.map((devices) => message(3, [text(1, "c"), ...devices.map(deviceOf)])),
      ]),
    ),
  );
}

function deviceOf({ resource, ids, numaNode }: Given): Buffer {
  const node = numaNode ? Buffer.from([0x08, numaNode]) : Buffer.alloc(0);
  const topology = numaNode === undefined ? [] : [message(3, [message(1, [node])])];
  return message(2, [text(1, resource), ...ids.map((id) => text(2, id)), ...topology]);
}

/** A gRPC server that knows `List` of one version of the kubelet's PodResources API; returns the way to end it. */
export async function servePodResources(
  socket: string,
  service: string,
  handler: handleUnaryCall<Buffer, Buffer>,
): Promise<() => void> {
  const server = new Server();
  const same = (bytes: Buffer) => bytes;
  const method = {
    path: `/${service}/List`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService({ list: method }, { list: handler });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return () => server.forceShutdown();
}
