import { expect, test } from "bun:test";
import { ageText } from "../../../src/lib/lab/api-table.ts";

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** What kubectl prints (apimachinery duration.HumanDuration). */
const table: readonly (readonly [number, string])[] = [
  [-2, "<invalid>"],
  [0, "0s"],
  [119, "119s"],
  [2 * minute, "2m"],
  [2 * minute + 5, "2m5s"],
  [10 * minute + 5, "10m"],
  [179 * minute, "179m"],
  [3 * hour, "3h"],
  [3 * hour + 20 * minute, "3h20m"],
  [8 * hour + 20 * minute, "8h"],
  [47 * hour, "47h"],
  [2 * day + 4 * hour, "2d4h"],
  [8 * day + 4 * hour, "8d"],
  [729 * day, "729d"],
  [2 * 365 * day + 10 * day, "2y10d"],
  [9 * 365 * day + 10 * day, "9y"],
];

for (const [seconds, text] of table)
  test(`ageText writes ${seconds} s as ${text}`, () => {
    expect(ageText(seconds)).toBe(text);
  });
