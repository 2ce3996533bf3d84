// What cards and views show alike of a calculated metric.

import { h } from "./dom.js";
import { change } from "./format.js";

/**
 * How a value differs from an earlier one; where it is known which direction is better, also whether that is good.
 * @param {"higher" | "lower"} [better]
 */
export function changeMark(value, earlier, format, better) {
  const text = change(value, earlier, format);
  const isSame = !/^[▲▼]/.test(text);
  if (isSame || !better) return h("span.delta", text);
  const isBetter = value > earlier === (better === "higher");
  return h(
    isBetter ? "span.delta.better" : "span.delta.worse",
    text,
    isBetter ? " better" : " worse",
  );
}

/** Whether a bucket has begun, or has events that are dated ahead. */
export const isShown = ({ start, terms }, { calculated_at: now }) =>
  start <= now || Object.values(terms).some(value => value !== null);

/** The values of buckets for a chart. */
export const valuesOf = buckets => buckets.map(({ value }) => value);

/** Those of the buckets that stand beside them in the comparison. */
export const comparedValuesOf = buckets => buckets.map(({ compare }) => compare?.value ?? null);

/** What a group of a calculation's breakdown is called. */
export function groupName({ key, other }, { breakdown, locations }) {
  if (other) return "Other";
  if (key === null) return "(none)";
  if (breakdown.by !== "location") return key;
  return locations.find(({ location_id }) => location_id === key)?.name ?? key;
}

/** What a chart draws: the groups of a breakdown, or else the metric. @returns {{name: string, values: number[], isRest?: boolean}[]} */
export function seriesOf(calculation) {
  const { name, breakdown, buckets } = calculation;
  if (!breakdown) return [{ name: name ?? "Value", values: valuesOf(buckets) }];
  return breakdown.groups.map(group => ({
    name: groupName(group, calculation),
    values: valuesOf(group.buckets),
    isRest: group.other,
  }));
}
