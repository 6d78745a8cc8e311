import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, explain } from "../../src/lib/errors.ts";
import {
  type CredentialOptions,
  type Credentials,
  loadCredentials,
} from "../../src/lib/kube/credentials.ts";
import { send } from "../../src/lib/kube/transport.ts";
import type { KeyPair } from "../../src/lib/lab/api-tls.ts";
import { type Api, connect } from "../contract/api-client.ts";
import { type Account, createAccount } from "./account.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

export interface Entries {
  readonly user: Record<string, unknown>;
  readonly cluster?: Record<string, unknown>;
}

/** A real control plane, and kubeconfigs for it that say who we are in every way there is. */
export interface AccessWorld {
  readonly plane: ControlPlane;
  readonly admin: Api;
  readonly account: Account;
  readonly folder: string;
  /** Writes a kubeconfig with these entries in place of the administrator's and returns its path. */
  kubeconfig(name: string, entries: Entries): string;
}

/** Starts the control plane and makes a service account on it. */
export async function startAccessWorld(): Promise<AccessWorld> {
  const plane = await startControlPlane();
  const admin = connect(plane.kubeconfig);
  const { folder } = plane.credentials;
  const account = await createAccount(admin, { folder, name: "reader" });
  return {
    plane,
    admin,
    account,
    folder,
    kubeconfig(name, { user, cluster }) {
      const path = join(folder, name);
      const config = JSON.parse(plane.kubeconfig);
      const trusted = config.clusters[0].cluster;
      config.clusters[0].cluster = { ...trusted, ...cluster };
      config.users[0].user = user;
      writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
      return path;
    },
  };
}

/** Returns the user entry that holds a client certificate itself. */
export function inside(pair: KeyPair) {
  return {
    "client-certificate-data": btoa(pair.certPem),
    "client-key-data": btoa(pair.keyPem),
  };
}

const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/** Asks the API server who it takes us for: the user's name, or what it says instead. */
export async function nameOf(credentials: Credentials): Promise<string> {
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const answer = await send(
    { method: "POST", path, body: review, repeat: "unsent", doing: "Cannot ask who I am" },
    { credentials, timeoutMs: 20_000 },
  );
  const said = JSON.parse(answer.body);
  return said.status?.userInfo?.username ?? said.message;
}

/** The same with credentials of its own; a failure as `<code> <text>`. */
export async function who(options: CredentialOptions): Promise<string> {
  try {
    return await nameOf(await loadCredentials(options));
  } catch (error) {
    return `${codeOf(error)} ${explain(error)}`;
  }
}
