import type { Examined } from "./finding.ts";

/** Writes findings for people: name and what, below it cause and mend. "" = nothing was found. */
export function doctorReport({ findings }: Examined): string {
  const width = Math.max(...findings.map(({ name }) => name.length), 0);
  const indent = " ".repeat(width + 2);
  return findings
    .map(({ name, what, cause, mend }) =>
      [
        `${name.padEnd(width)}  ${what}`,
        `${indent}cause: ${cause}`,
        `${indent}mend:  ${mend}`,
      ].join("\n"),
    )
    .join("\n");
}
