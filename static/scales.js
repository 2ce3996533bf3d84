// Where things stand in a chart: its axes, in pixels.

import { clock, isDuration, shortNumber, tickName } from "./format.js";

export const CHARACTER_PX = 7; // about the width of one in a label
const LABEL_PX = 74; // the width of a label below the axis, with its distance to the next
const GRID_PX = 60; // between two lines of the grid, about
const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;
const CLOCK_STEPS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map(minutes => minutes * 60),
  ...[1, 2, 3, 6, 12].map(hours => hours * 3600),
];

/**
 * A chart's options with where its parts stand: `box` of the plot, `band` (the width of a bucket), x(index) its middle,
 * y(value), `ticks` of the value axis and their `labels`, and whether it has `bars`. Where these are stacked, `bases` are
 * the values on which those of each series stand.
 */
export function layout(options, width) {
  const { buckets, series, compare, target, format, height, isBare, kind, isStacked } = options;
  const wantsBars = kind === "bar" || buckets.length === 1;
  const bases = wantsBars && isStacked ? basesOf(series) : null;
  const values = [...series, compare, target].flatMap(line => line?.values ?? []);
  if (bases) values.push(...tops(series, bases));
  const ticks = valueTicks(values, height / GRID_PX, format);
  const low = ticks[0];
  const high = ticks.at(-1);
  const labels = ticks.map(value => shortNumber(value, format));
  const box = isBare ? bareBox(width, height) : plotBox(width, height, labels);
  const band = (box.right - box.left) / buckets.length;
  return {
    ...options,
    width,
    box,
    ticks,
    labels,
    band,
    bases,
    hasBars: wantsBars && band >= (bases ? 1 : 2 * series.length),
    x: index => box.left + (index + 0.5) * band,
    y: value => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top),
  };
}

const bareBox = (width, height) => ({ left: 2, right: width - 2, top: 5, bottom: height - 5 });

function plotBox(width, height, labels) {
  const longest = Math.max(...labels.map(text => text.length));
  return { left: longest * CHARACTER_PX + 12, right: width - 8, top: 10, bottom: height - 26 };
}

// Bars below zero are stacked downwards.
function basesOf(series) {
  const ups = [];
  const downs = [];
  return series.map(({ values }) =>
    values.map((value, bucket) => {
      const sums = value < 0 ? downs : ups;
      const base = sums[bucket] ?? 0;
      sums[bucket] = base + (value ?? 0);
      return base;
    }),
  );
}

const tops = (series, bases) =>
  series.flatMap(({ values }, index) =>
    values.map((value, bucket) => bases[index][bucket] + (value ?? 0)),
  );

// The value axis

// Covering zero and all values.
function valueTicks(values, amount, format) {
  const low = values.reduce((a, b) => Math.min(a, b), 0);
  const high = values.reduce((a, b) => Math.max(a, b), 0);
  if (low === high) return [0, 1];
  const roughStep = (high - low) / amount;
  const niceStep = isDuration(format) ? durationStep(roughStep) : decimalStep(roughStep);
  const step = values.every(Number.isInteger) ? Math.max(1, niceStep) : niceStep;
  const first = Math.floor(low / step);
  const length = Math.ceil(high / step) - first + 1;
  return Array.from({ length }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

// 1, 2 or 5 times a power of ten.
function decimalStep(roughStep) {
  const power = 10 ** Math.floor(Math.log10(roughStep));
  return [1, 2, 5, 10].find(factor => factor * power >= roughStep) * power;
}

// Of seconds: whole minutes, hours and days.
function durationStep(roughStep) {
  if (roughStep <= 1) return decimalStep(roughStep);
  const step = CLOCK_STEPS.find(seconds => seconds >= roughStep);
  return step ?? DAY_SECONDS * decimalStep(roughStep / DAY_SECONDS);
}

// The time axis

// A label stands where a unit begins: where what `keyOf` makes of a clock changes. Weeks begin on Monday.
const UNITS = [
  { unit: "hour", keyOf: ({ day, hour }) => day + hour },
  { unit: "hour", keyOf: ({ day, hour }) => day + Math.floor(hour / 6) },
  { unit: "day", keyOf: ({ day }) => day },
  { unit: "day", keyOf: clockParts => Math.floor((dayNumber(clockParts) + 3) / 7) },
  { unit: "month", keyOf: ({ month }) => month },
  { unit: "month", keyOf: ({ month }) => Math.ceil(month / 3) },
  { unit: "year", keyOf: ({ year }) => year },
];
const SMALLEST = { hour: 0, day: 2, week: 2, total: 2, month: 4 }; // by interval, an index of UNITS

const dayNumber = ({ year, month, day }) => Date.UTC(year, month - 1, day) / DAY_MS;

/** The labels of the time axis, of the smallest unit for which there is room. @returns {{index: number, text: string}[]} */
export function timeTicks({ buckets, interval, zone, box }) {
  const room = Math.max(1, Math.floor((box.right - box.left) / LABEL_PX));
  const before = new Date(buckets[0].start) - 1;
  const clocks = [before, ...buckets.map(({ start }) => start)].map(moment => clock(moment, zone));
  const { unit, indexes } = fittingUnit(clocks, SMALLEST[interval], room);
  const every = Math.ceil(indexes.length / room);
  return indexes
    .filter((_, position) => position % every === 0)
    .map(index => ({
      index,
      text: tickName(buckets[index].start, largestBegun(unit, clocks[index + 1]), zone),
    }));
}

// clocks[index] is of the bucket before the one at `index`.
function fittingUnit(clocks, smallest, room) {
  const candidates = UNITS.slice(smallest).map(({ unit, keyOf }) => ({
    unit,
    indexes: [...clocks.keys()]
      .slice(0, -1)
      .filter(index => keyOf(clocks[index]) !== keyOf(clocks[index + 1])),
  }));
  const fewest = Math.min(2, clocks.length - 1);
  const telling = candidates.filter(({ indexes }) => indexes.length >= fewest);
  return telling.find(({ indexes }) => indexes.length <= room) ?? telling.at(-1);
}

// Where a year begins, its number says more than "January"; where a day begins, its date more than "0:00".
function largestBegun(unit, { month, hour }) {
  if (unit === "month" && month === "01") return "year";
  if (unit === "hour" && Number(hour) === 0) return "day";
  return unit;
}
