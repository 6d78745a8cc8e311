import { codeOf } from "../errors.ts";
import type { Controller } from "../kube/controller.ts";
import { createQueue } from "../kube/queue.ts";
import { defaultConfig } from "../plan/defaultconfig.ts";
import type { Deps } from "./deps.ts";

/**
 * Makes the controller that creates the Config `multi-nicd` where there is none at all, so that applying the manifests is
 * the whole install. Once, when an operator begins to lead: one that a user deletes stays deleted while it runs.
 */
export function defaultConfigOnce(deps: Deps): Controller {
  const queue = createQueue();
  queue.add("default");
  return {
    name: "default-config",
    log: deps.log,
    queue,
    async reconcile() {
      await create(deps);
      return "done";
    },
  };
}

async function create(deps: Deps): Promise<void> {
  if (deps.stores.configs.stored.list().length > 0) return;
  try {
    const made = await deps.kube.create("Config", defaultConfig());
    deps.log.info("created the default Config", { config: made.metadata.name });
  } catch (error) {
    // Somebody else was quicker.
    if (codeOf(error) !== "AlreadyExists") throw error;
  }
}
