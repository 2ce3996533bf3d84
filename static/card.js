// A calculated metric as a card shows it.

import { changeMark, comparedValuesOf, valuesOf } from "./calculation.js";
import { sparkline } from "./chart.js";
import { h, hint } from "./dom.js";
import { capitalized, count, number } from "./format.js";

/**
 * @param {object} calculation as the API answers it
 * @param {{kind?: "line" | "bar"}} [shown] how it is drawn
 * @returns the elements of the card, below its title
 */
export function cardContent(calculation, { kind = "line" } = {}) {
  const { total, compare, format, warnings } = calculation;
  const unseen = warnings.find(({ code }) => code === "event_not_seen");
  return [
    h(
      "div.headline",
      h("span.value", number(total.value, format)),
      compare && changeMark(total.value, compare.total.value, format),
    ),
    unseen ? hint(capitalized(unseen.message)) : cardChart(calculation, kind),
    hint(capitalized(notes(calculation).join(" · "))),
  ];
}

/** A chart without axes. */
export const cardChart = ({ interval, buckets, format, compare }, kind = "line") =>
  sparkline({
    label: `Chart by ${interval}`,
    kind,
    buckets,
    format,
    series: [{ values: valuesOf(buckets) }],
    compare: compare && { values: comparedValuesOf(buckets) },
  });

function notes({ buckets, warnings }) {
  const isOpen = buckets.at(-2)?.complete === false; // of the last one it goes without saying
  return [
    isOpen && "in progress",
    eventsText(warnings, "skipped", "skipped"),
    eventsText(warnings, "events_ahead", "dated in the future"),
  ].filter(Boolean);
}

function eventsText(warnings, wanted, what) {
  const amount = warnings
    .filter(({ code }) => code === wanted)
    .reduce((sum, warning) => sum + warning.count, 0);
  return amount > 0 && `${count(amount, "event")} ${what}`;
}
