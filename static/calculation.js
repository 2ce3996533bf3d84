// What cards and views show alike of a calculated metric.

import { h } from "./dom.js";
import { change } from "./format.js";

/** How a value differs from an earlier one. */
export const changeMark = (value, earlier, format) =>
  h("span.delta", change(value, earlier, format));

/** Whether a bucket has begun, or has events that are dated ahead. */
export const isShown = ({ start, terms }, { calculated_at: now }) =>
  start <= now || Object.values(terms).some(value => value !== null);

/** The values of buckets for a chart. */
export const valuesOf = buckets => buckets.map(({ value }) => value);

/** Those of the buckets that stand beside them in the comparison. */
export const comparedValuesOf = buckets => buckets.map(({ compare }) => compare?.value ?? null);
