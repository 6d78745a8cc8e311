import { join } from "node:path";
import {
  Client,
  credentials,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { message, text } from "./protobuf.ts";

/** A device of a plugin, on a NUMA node. */
export interface PluginDevice {
  readonly id: string;
  readonly numaNode: number;
}

export interface DevicePlugin extends AsyncDisposable {
  /** Resolves when the kubelet has asked for the list of devices. */
  readonly listed: Promise<void>;
}

/**
 * A device plugin as kubelets know them (k8s.io/kubelet deviceplugin/v1beta1): serves on a socket of its own in the kubelet's
 * folder, registers, lists its devices as healthy, and lets the kubelet have those it allocates.
 */
export async function startDevicePlugin(
  folder: string,
  of: { readonly resource: string; readonly devices: readonly PluginDevice[] },
): Promise<DevicePlugin> {
  const endpoint = `${of.resource.replaceAll(/[^a-z0-9]/g, "-")}.sock`;
  const listed = Promise.withResolvers<void>();
  const list = Buffer.concat(
    of.devices.map(({ id, numaNode }) => {
      const node = numaNode === 0 ? [] : [Buffer.from([0x08, numaNode])];
      return message(1, [text(1, id), text(2, "Healthy"), message(3, [message(1, node)])]);
    }),
  );
  const nothing: handleUnaryCall<Buffer, Buffer> = (_, done) => done(null, Buffer.alloc(0));
  const watch: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    // The stream stays open: its end tells the kubelet that the devices are gone.
    call.write(list);
    listed.resolve();
  };
  const server = new Server();
  const service = "/v1beta1.DevicePlugin";
  const same = (bytes: Buffer) => bytes;
  const method = (name: string, responseStream: boolean) => ({
    path: `${service}/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  server.addService(
    {
      options: method("GetDevicePluginOptions", false),
      watch: method("ListAndWatch", true),
      allocate: method("Allocate", false),
      prepare: method("PreStartContainer", false),
    },
    {
      options: nothing,
      watch,
      // One answer for each container that asked: nothing to mount, no variable.
      allocate: ((call, done) => {
        const containers = containersOf(call.request);
        done(null, Buffer.concat(Array.from({ length: containers }, () => message(1, []))));
      }) as handleUnaryCall<Buffer, Buffer>,
      prepare: nothing,
    },
  );
  await new Promise<void>((resolve, reject) => {
    const address = `unix:${join(folder, endpoint)}`;
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  await register(join(folder, "kubelet.sock"), [
    text(1, "v1beta1"),
    text(2, endpoint),
    text(3, of.resource),
  ]);
  return {
    listed: listed.promise,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

function register(socket: string, request: readonly Buffer[]): Promise<void> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    "grpc.default_authority": "localhost",
  });
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/v1beta1.Registration/Register",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.concat(request),
      { deadline: Date.now() + 10_000 },
      (error) => {
        client.close();
        if (error) reject(error);
        else resolve();
      },
    );
  });
}

/** AllocateRequest: field 1 = one request of a container; each is shorter than 128 bytes or has a longer length before it. */
function containersOf(request: Buffer): number {
  let containers = 0;
  for (let at = 0; at < request.length; ) {
    let length = 0;
    let shift = 0;
    let byte = 0x80;
    for (at++; byte >= 0x80; at++) {
      byte = request[at] ?? 0;
      length |= (byte & 0x7f) << shift;
      shift += 7;
    }
    at += length;
    containers++;
  }
  return containers;
}
