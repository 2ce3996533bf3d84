// What cards and views show alike of a calculated metric.

import { h } from "./dom.js";
import { change, span } from "./format.js";

/** The days and the zone of a calculation. */
export const rangeText = ({ from, to, timezone }) => `${span(from, to, timezone)} · ${timezone}`;

/** How a value differs from an earlier one. */
export const changeMark = (value, earlier, format) =>
  h("span.delta", change(value, earlier, format));

/** The values of buckets for a chart: null also for those that have not begun. */
export const valuesOf = buckets =>
  buckets.map(({ value }, index) => {
    const mayHaveBegun = index === 0 || buckets[index - 1].complete;
    return mayHaveBegun ? value : value || null;
  });
