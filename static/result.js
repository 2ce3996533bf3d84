// A calculated metric: its number, chart, warnings and tables.

import { changeMark, comparedValuesOf, drawnBuckets, isShown, seriesOf } from "./calculation.js";
import { targetProgress } from "./card.js";
import { COMPARISONS } from "./dates.js";
import { addsUp, windowText } from "./definition.js";
import { button, h, hint } from "./dom.js";
import { evidenceNumber, openEvidence } from "./evidence.js";
import { bucketName, count, number, span, time } from "./format.js";
import { chart, svgText } from "./plot.js";
import { download, fileName } from "./snippet.js";
import { warnings } from "./states.js";
import { groupSelection, valueTables } from "./values.js";

const CHART_PX = 300;
// Warnings for which there is more than their text.
const SHOWN_OTHERWISE = ["division_by_zero", "skipped"];

/**
 * A metric with its numbers.
 * @typedef {{definition: object, query: object, answer: object, target?: object | null, state: object,
 *   stateChanged: (then?: () => void) => void}} Result `query` is what was sent beside the definition, `answer` what came;
 *   `target` is how much of one is reached; `state` is the view's
 */

/** @param {Result} result @returns the elements that show it */
export function showResult(result) {
  const { answer } = result;
  const { buckets, breakdown } = answer;
  const figure = buckets.length > (breakdown ? 0 : 1) && resultChart(result);
  return [
    h(
      "div.card",
      headline(result),
      result.target && targetProgress(result.target, answer.total.value, answer.format),
      warnings(answer.warnings.filter(({ code }) => !SHOWN_OTHERWISE.includes(code))),
      skipped(result),
      maturing(result),
      gaps(result),
      figure,
      foot(result, figure),
    ),
    valueTables(result),
  ];
}

function headline(result) {
  const { total, compare, format } = result.answer;
  const value = evidenceNumber(result, {
    value: total.value,
    format,
    title: "this number",
    selection: {},
    kind: "value",
  });
  const compared = compare && compare.total.value !== null && comparison(result);
  return h(
    "div.headline",
    value,
    compared,
    !total.complete && !compared && h("span.hint", "In progress"),
  );
}

function comparison(result) {
  const { total, compare, format, timezone } = result.answer;
  const earlier = evidenceNumber(result, {
    value: compare.total.value,
    format,
    title: "the comparison",
    selection: { compared: true },
  });
  return h(
    "span.change",
    changeMark(total.value, compare.total.value, format, result.target?.better),
    h(
      "span.hint",
      earlier,
      ` in ${span(compare.from, compare.to, timezone)}`,
      compare.to_date && ", up to the same time",
    ),
  );
}

const skipped = result =>
  result.answer.warnings
    .filter(({ code }) => code === "skipped")
    .map(({ term, count: amount, example }) => [
      button(
        `Term ${term} skipped ${count(amount, "event")} whose property is not a number`,
        () => openEvidence(result, "Skipped events", { term, skipped: true }),
        "inline",
      ),
      example && hint(`Edit the metric to say how numbers such as “${example}” are written.`),
    ]);

// Of terms with `then`, what is not over and what that means.
function maturing(result) {
  const { definition, answer } = result;
  return definition.terms
    .filter(({ key }) => answer.total.maturing?.[key])
    .map(term => {
      const { starts, conversions } = answer.total.maturing[term.key];
      const waiting = starts - conversions;
      const open = () =>
        openEvidence(result, `“${term.event}” that may still be followed`, {
          term: term.key,
          outcome: "not_yet",
        });
      return h(
        "div",
        hint(maturingWords(term, starts, conversions)),
        waiting > 0 && button(`Show the ${number(waiting)} that still wait`, open, "inline"),
      );
    });
}

function maturingWords({ event, then, aggregation }, starts, conversions) {
  const told = [
    `${count(starts, `“${event}” event`)} of this range ${starts === 1 ? "is" : "are"} younger than ${windowText(then.within)};`,
    `${number(conversions)} so far ${conversions === 1 ? "was" : "were"} followed by “${then.event}”.`,
    aggregation === "conversions"
      ? "More may follow."
      : "These count once their time is over: until then, nobody knows what comes of the others.",
  ];
  return told.join(" ");
}

// Buckets in which the terms have values and the formula has none. Some may be too large a number instead.
function gaps({ answer: { buckets, interval, warnings: told }, definition: { formula } }) {
  const codes = told.map(({ code }) => code);
  if (!codes.includes("division_by_zero")) return null;
  if (codes.includes("number_too_large")) {
    return hint(`No value where ${formula} would divide by zero.`);
  }
  const undivided = buckets.filter(
    ({ value, terms }) => value === null && !Object.values(terms).includes(null),
  );
  if (!undivided.length) return null;
  const amount = count(undivided.length, interval === "total" ? "range" : interval);
  return hint(`No value in ${amount}, where ${formula} would divide by zero.`);
}

function resultChart(result) {
  const { answer, definition, state, target } = result;
  const { buckets, breakdown, interval, timezone: zone, format } = answer;
  const onpick = (bucket, series) => {
    const group = breakdown?.groups[series];
    const title = `Events of ${bucketName(buckets[bucket], interval, zone)}`;
    const selection = { bucket: buckets[bucket].start, ...(group && groupSelection(group)) };
    openEvidence(result, title, selection);
  };
  const isStacked = breakdown && addsUp(definition, breakdown.by);
  const isOfAll = !breakdown || (isStacked && state.chart === "bar");
  // A card may have another interval.
  const hasTarget = isOfAll && target?.buckets?.length === buckets.length;
  return chart({
    label: `Chart of ${definition.name ?? "this metric"}, ${span(answer.from, answer.to, zone)}`,
    buckets: drawnBuckets(buckets),
    last: buckets.findLastIndex(bucket => isShown(bucket, answer)),
    series: seriesOf(answer),
    compare: comparedSeries(answer),
    kind: state.chart,
    isStacked,
    target: hasTarget && { values: target.buckets },
    interval,
    zone,
    format,
    height: CHART_PX,
    onpick,
  });
}

function comparedSeries({ breakdown, buckets, compare }) {
  const values = comparedValuesOf(buckets);
  const hasValues = values.some(value => value !== null);
  return breakdown || !hasValues ? null : { name: COMPARISONS[compare.kind], values };
}

function foot(result, figure) {
  const { name = "metric" } = result.definition;
  const saveSvg = () => download(`${fileName(name)}.svg`, "image/svg+xml", svgText(figure, name));
  return h(
    "div.actions.foot",
    hint(`Calculated ${time(result.answer.calculated_at)}. Click a number to see its events.`),
    figure && button("Download SVG", saveSvg, "small"),
  );
}
