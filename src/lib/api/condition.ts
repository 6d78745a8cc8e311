import * as z from "zod";
import { text } from "./field.ts";

/** meta/v1 Condition, kept by type. */
export const conditions = z
  .array(
    z.strictObject({
      type: text("What the condition is about."),
      status: z.enum(["True", "False", "Unknown"]).meta({ description: "Whether it holds." }),
      reason: text("One word for programs."),
      message: text("A sentence for people: what was seen and the way out."),
      lastTransitionTime: text("When status last changed.").meta({ format: "date-time" }),
      observedGeneration: z
        .int()
        .meta({ description: "metadata.generation it is about." })
        .optional(),
    }),
  )
  .meta({
    description: "Standard conditions.",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  });
