import { expect } from "bun:test";
import { deviceCrds } from "../support/devicecrds.ts";
import { type Case, type Contract, until, watchFromNow } from "./contract-case.ts";

/** Installs another operator's kind under a group of this case's own and returns its collection's path. */
async function installed(c: Contract, kind: string): Promise<{ path: string; crd: string }> {
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const body = deviceCrds(`.${c.name("x")}.${c.group}`).find((one) => one.spec.names.kind === kind);
  if (!body) throw new Error(`no CRD of ${kind}`);
  const made = await c.api.call("POST", crds, { body });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  const { group, names, versions, scope } = body.spec;
  const place = scope === "Namespaced" ? `/namespaces/${c.namespace}` : "";
  const path = `/apis/${group}/${versions[0]?.name}${place}/${names.plural}`;
  await until(
    () => c.api.call("GET", path),
    (answer) => answer.status === 200,
  );
  return { path, crd: `${crds}/${body.metadata.name}` };
}

const policy = (path: string, spec: object) => ({
  apiVersion: path.split("/").slice(2, 4).join("/"),
  kind: "SriovNetworkNodePolicy",
  metadata: { name: "net" },
  spec: {
    resourceName: "net",
    nodeSelector: { a: "true" },
    numVfs: 1,
    nicSelector: { rootDevices: ["0000:17:00.0"] },
    ...spec,
  },
});

/** Kinds of other operators: they may be missing, come and go. */
export const deviceCases: readonly Case[] = [
  {
    name: "a kind of another operator has its defaults and limits, and loses what it does not know",
    async run(c) {
      const { path, crd } = await installed(c, "SriovNetworkNodePolicy");
      const refused = await c.api.call("POST", path, { body: policy(path, { priority: 100 }) });
      expect([refused.status, refused.body.reason]).toEqual([422, "Invalid"]);
      expect(refused.body.message).toContain("spec.priority");
      const made = await c.api.call("POST", path, { body: policy(path, { foo: 1 }) });
      expect(made.status).toBe(201);
      expect(made.body.spec).toEqual({ ...policy(path, {}).spec, deviceType: "netdevice" });
      await c.api.call("DELETE", crd);
    },
  },
  {
    name: "a watch ends when its kind is uninstalled, and the kind is then not found, in no object's name",
    async run(c) {
      const { path, crd } = await installed(c, "NicClusterPolicy");
      const [, , group, version] = path.split("/");
      const body = { apiVersion: `${group}/${version}`, kind: "NicClusterPolicy" };
      const metadata = { name: "nic-cluster-policy" };
      const made = await c.api.call("POST", path, { body: { ...body, metadata, spec: {} } });
      expect(made.status).toBe(201);
      const { first, rest } = await watchFromNow(c, `${path}?watch=true`);
      expect(first?.type).toBe("ADDED");
      await c.api.call("DELETE", crd);
      // The objects go with their kind; whether a watch still tells of that is open.
      let last = await rest.next();
      while (last?.type === "DELETED") last = await rest.next();
      expect(last).toBeUndefined();
      const gone = await until(
        () => c.api.call("GET", path),
        (answer) => answer.status === 404,
      );
      expect(gone.body?.details?.name).toBeUndefined();
    },
  },
];
