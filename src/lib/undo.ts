import { explain } from "./errors.ts";

/** Inverse steps, run newest first when something later fails. Teardown gathers errors and goes on. */
export class UndoStack {
  readonly #steps: { what: string; undo: () => void | Promise<void> }[] = [];

  /** Registers the inverse of a step that has just been taken. */
  push(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Runs every inverse, newest first, and returns what could not be undone. */
  async unwind(): Promise<string[]> {
    const failures: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push(`${step.what}: ${explain(error)}`);
      }
    }
    return failures;
  }

  /** Forgets every inverse: what was done stays. */
  commit(): void {
    this.#steps.length = 0;
  }
}
