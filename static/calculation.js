// What cards and views show alike of a calculated metric.

import { h } from "./dom.js";
import { change, number } from "./format.js";

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

/**
 * Of a total, a bucket or a group: how many starts of terms with `then` have time left, and how many of these have converted
 * so far; null where there are none.
 * @returns {{starts: number, conversions: number} | null}
 */
export function maturingOf({ maturing }) {
  if (!maturing) return null;
  if (Number.isInteger(maturing.starts)) return maturing; // as viewers of a share get it
  const counts = Object.values(maturing);
  const sum = name => counts.reduce((total, each) => total + each[name], 0);
  return { starts: sum("starts"), conversions: sum("conversions") };
}

/** Such as "12 of 80 so far", of what is not over. */
export const soFarText = ({ starts, conversions }) =>
  `${number(conversions)} of ${number(starts)} so far`;

/** Buckets as they are drawn: in progress also where what followed is not over. */
export const drawnBuckets = buckets =>
  buckets.map(bucket => ({ ...bucket, complete: bucket.complete && !bucket.maturing }));

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
