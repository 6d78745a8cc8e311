import type { Registry } from "prom-client";
import type { Controller } from "./controller.ts";

/** Makes a way to have a controller's outcomes counted in `multinic_reconciles_total`. */
export async function countReconciles(
  registry: Registry,
): Promise<(controller: Controller) => Controller> {
  const { Counter } = await import("prom-client");
  const total = new Counter({
    name: "multinic_reconciles_total",
    help: "Reconciles by controller and outcome: done, again (looked at once more later), failed.",
    labelNames: ["controller", "outcome"],
    registers: [registry],
  });
  return (controller) => {
    for (const outcome of ["done", "again", "failed"]) {
      total.inc({ controller: controller.name, outcome }, 0);
    }
    return {
      ...controller,
      observe(outcome) {
        total.inc({ controller: controller.name, outcome });
        controller.observe?.(outcome);
      },
    };
  };
}
