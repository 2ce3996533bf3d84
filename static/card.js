// A calculated metric as a card shows it, and how much of its target is reached.

import {
  changeMark,
  comparedValuesOf,
  drawnBuckets,
  groupName,
  maturingOf,
  seriesOf,
  soFarText,
} from "./calculation.js";
import { barLegend, sparkline } from "./chart.js";
import { h, hint, svg } from "./dom.js";
import { bucketName, capitalized, count, number } from "./format.js";
import { plainTable } from "./table.js";

const SHOWN_GROUPS = { small: 4, wide: 12 };
const SHOWN_ROWS = { small: 5, wide: 10 };
const ROUND_FROM = 100; // a target is told without decimals

/**
 * How a card shows its metric.
 * @typedef {{chart: "number" | "line" | "bar" | "stacked" | "table", size: "small" | "wide"}} Look
 */

/**
 * How much of a target is reached in a range, as the API measures it.
 * @typedef {{better: "higher" | "lower", value: number | null, due: number | null, share: number | null,
 *   status: string | null, buckets?: (number | null)[] | null}} Target
 */

/**
 * @param {object} calculation as the API answers it, to those who may read or to the viewers of a share
 * @param {Look} look
 * @param {Target | null} [target]
 * @returns the elements of the card, below its title
 */
export function cardContent(calculation, look, target = null) {
  const { total, compare, format, warnings = [] } = calculation;
  const unseen = warnings.find(({ code }) => code === "event_not_seen");
  return [
    h(
      "div.headline",
      h("span.value", number(total.value, format)),
      compare && changeMark(total.value, compare.total.value, format, target?.better),
    ),
    target && targetProgress(target, total.value, format),
    unseen ? hint(capitalized(unseen.message)) : drawings[look.chart](calculation, look, target),
    hint(capitalized(notes(calculation).join(" · "))),
  ];
}

function notes({ total, buckets, warnings = [], values_missing: isMissing }) {
  const maturing = maturingOf(total);
  const isOpen = buckets.at(-2)?.complete === false; // of the last one it goes without saying
  return [
    isOpen && "in progress",
    maturing && `not over yet: ${soFarText(maturing)}`,
    eventsText(warnings, "skipped", "skipped"),
    eventsText(warnings, "events_ahead", "dated in the future"),
    isMissing && "some values are missing",
  ].filter(Boolean);
}

function eventsText(warnings, wanted, what) {
  const amount = warnings
    .filter(({ code }) => code === wanted)
    .reduce((sum, warning) => sum + warning.count, 0);
  return amount > 0 && `${count(amount, "event")} ${what}`;
}

// Charts and tables

const drawings = {
  number: () => null,
  line: (...card) => groupsChart("line", ...card),
  bar: (...card) => groupsChart("bar", ...card),
  stacked: (...card) => groupsChart("bar", ...card),
  table: (calculation, { size }) => cardTable(calculation, size),
};

/** A chart without axes and groups. @param {"line" | "bar"} kind */
export const cardChart = (calculation, kind) => plainChart({ calculation, kind });

function plainChart({ calculation, kind, isBare, isStacked, target }) {
  const { interval, buckets, format, compare, breakdown, timezone } = calculation;
  const isOfAll = !breakdown || isStacked;
  return sparkline({
    label: `Chart by ${interval}`,
    kind,
    isBare,
    isStacked,
    buckets: drawnBuckets(buckets),
    interval,
    zone: timezone,
    format,
    series: seriesOf(calculation),
    compare: compare && !breakdown && { values: comparedValuesOf(buckets) },
    target: isOfAll && target?.buckets && { values: target.buckets },
  });
}

function groupsChart(kind, calculation, { chart, size }, target) {
  const isStacked = chart === "stacked";
  const isBare = size === "small";
  const drawn = plainChart({ calculation, kind, isBare, isStacked, target });
  return calculation.breakdown ? [drawn, groupsLegend(calculation, size)] : drawn;
}

// The groups that come first, with what they are of the whole range.
function groupsLegend(calculation, size) {
  const { breakdown, format } = calculation;
  const named = breakdown.groups.map(group => ({
    name: groupName(group, calculation),
    text: number(group.value, format),
    isRest: group.other,
  }));
  const shown = named.slice(0, SHOWN_GROUPS[size]);
  return [barLegend(shown), moreText(named, shown, "group")];
}

const moreText = (all, shown, noun) =>
  all.length > shown.length && hint(`And ${count(all.length - shown.length, `more ${noun}`)}`);

function cardTable(calculation, size) {
  const { breakdown, format, compare, interval } = calculation;
  const rows = breakdown ? groupRows(calculation) : timeRows(calculation);
  const shown = rows.slice(0, SHOWN_ROWS[size]);
  const columns = [
    { head: breakdown ? "Group" : capitalized(interval), cell: "title" },
    { head: "Value", cell: ({ value }) => number(value, format), isNumber: true },
    compare && {
      head: "Change",
      cell: row => changeMark(row.value, row.compare?.value, format),
      isNumber: true,
    },
  ];
  const caption = breakdown ? "Values by group" : "Values by time";
  return [
    shown.length > 0 && plainTable(caption, columns, shown),
    moreText(rows, shown, breakdown ? "group" : interval),
  ];
}

const groupRows = calculation =>
  calculation.breakdown.groups.map(group => ({ ...group, title: groupName(group, calculation) }));

const timeRows = ({ buckets, interval, timezone, calculated_at: now }) =>
  buckets
    .filter(({ start, value }) => start <= now || value !== null)
    .map(bucket => ({ ...bucket, title: bucketName(bucket, interval, timezone) }))
    .reverse();

// Targets

// A sign, words, and whether it is good.
const STATUS = {
  higher: {
    reached: ["✓", "reached", "better"],
    ahead: ["▲", "ahead of plan", "better"],
    behind: ["▼", "behind plan", "worse"],
    missed: ["✗", "missed", "worse"],
  },
  lower: {
    within: ["✓", "within the limit", "better"],
    behind: ["▲", "more than planned by now", "worse"],
    exceeded: ["✗", "over the limit", "worse"],
  },
};

/** What a target's status means: a sign, words, and whether it is "better" or "worse". @param {Target} target */
export function statusOf({ better, status, value, due }) {
  const isOfRate = status === "behind" && value === due; // which no time brings nearer
  return isOfRate ? ["▼", "below target", "worse"] : STATUS[better][status];
}

/** A target's number. Where it is a share of a month's, its decimals say nothing. */
export const targetNumber = (value, format) =>
  Math.abs(value) >= ROUND_FROM
    ? number(Math.round(value), format && { ...format, decimals: 0 })
    : number(value, format);

/** How much is reached: in words, and as a bar. Nothing where only the direction is known. */
export function targetProgress(target, reached, format) {
  const { value, share, status } = target;
  if (value === null) return null;
  const parts = [
    `${number(reached, format)} of ${targetNumber(value, format)}`,
    share !== null && number(share, { style: "percent" }),
  ];
  const told = parts.filter(Boolean).join(" · ");
  if (!status) return hint(told);
  const [sign, words, kind] = statusOf(target);
  return h(
    "div.progress",
    hint(`${told} · `, h(`span.${kind}`, `${sign} ${words}`)),
    share !== null && progressBar(target, kind),
  );
}

// The mark is where it should be by now.
function progressBar({ value, due, share }, kind) {
  const width = 100 * Math.max(0, Math.min(1, share));
  const place = (100 * due) / value;
  const isUnderWay = place > 0 && place < 100;
  return svg(
    `svg.share.${kind}`,
    { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect.track", { width: 100, height: 6 }),
    svg("rect.reached", { width, height: 6 }),
    isUnderWay && svg("line.due", { x1: place, x2: place, y2: 6 }),
  );
}
