/** Writes a word as a shell reads it: pods name their own links, and a printed command is pasted as root. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
