import type { Fault } from "../errors.ts";

/** What a text must look like. */
export interface TextRule {
  /** Most characters. */
  readonly max: number;
  readonly pattern?: RegExp;
  readonly test?: (text: string) => boolean;
  /** What was wanted, for the fault. */
  readonly want: string;
}

/** No request names more of anything than this. */
const maxItems = 4096;

/** Reads an object's fields by hand and gathers every fault with its path; what is faulty reads as empty. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #faults: Fault[];

  constructor(value: unknown, path: string, faults: Fault[]) {
    this.#path = path;
    this.#faults = faults;
    if (isRecord(value)) this.#value = value;
    else {
      this.#value = {};
      faults.push({ path, problem: `want an object, not ${show(value)}` });
    }
  }

  has(key: string): boolean {
    return this.#value[key] !== undefined;
  }

  text(key: string, rule: TextRule): string {
    return this.#text(this.#value[key], this.#at(key), rule);
  }

  texts(key: string, rule: TextRule): string[] {
    return this.#list(key).map((item, i) => this.#text(item, `${this.#at(key)}[${i}]`, rule));
  }

  flag(key: string): boolean {
    const value = this.#value[key];
    if (typeof value === "boolean") return value;
    this.#fault(this.#at(key), `want true or false, not ${show(value)}`);
    return false;
  }

  integer(key: string, min: number, max: number): number {
    const value = this.#value[key];
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    this.#fault(this.#at(key), `want an integer from ${min} to ${max}, not ${show(value)}`);
    return min;
  }

  object(key: string): Fields {
    return new Fields(this.#value[key], this.#at(key), this.#faults);
  }

  objects(key: string): Fields[] {
    return this.#list(key).map(
      (item, i) => new Fields(item, `${this.#at(key)}[${i}]`, this.#faults),
    );
  }

  #text(value: unknown, path: string, rule: TextRule): string {
    const good =
      typeof value === "string" &&
      value.length <= rule.max &&
      (rule.pattern?.test(value) ?? true) &&
      (rule.test?.(value) ?? true);
    if (good) return value;
    this.#fault(path, `want ${rule.want} (at most ${rule.max} characters), not ${show(value)}`);
    return "";
  }

  #list(key: string): readonly unknown[] {
    const value = this.#value[key];
    if (Array.isArray(value) && value.length <= maxItems) return value;
    this.#fault(this.#at(key), `want a list of at most ${maxItems}, not ${show(value)}`);
    return [];
  }

  #fault(path: string, problem: string): void {
    this.#faults.push({ path, problem });
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value).slice(0, 80);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
