import type { Examined } from "./doctor-finding.ts";

/** Writes findings for people: name and what, below it cause and mend. "" = nothing was found. */
export function doctorReport({ findings }: Examined): string {
  const width = Math.max(...findings.map(({ name }) => name.length), 0);
  const indent = " ".repeat(width + 2);
  return findings
    .map(({ name, what, cause, mend }) =>
      [
        `${name.padEnd(width)}  ${plain(what)}`,
        `${indent}cause: ${cause}`,
        `${indent}mend:  ${plain(mend)}`,
      ].join("\n"),
    )
    .join("\n");
}

/** Pods name their own links: what a terminal would obey is shown as a question mark. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
