// Charts as SVG, drawn. Colours and strokes come from style.css, by class.

import { fill, h, svg } from "./dom.js";
import { shortNumber } from "./format.js";
import { CHARACTER_PX, layout, timeTicks } from "./scales.js";

const COLOURS = 8; // of style.css
const DOTS_UP_TO = 45; // buckets; more of them are a line without dots
const TARGET_LABEL_PX = 16; // the height of the text above the line of a target
const DOTS = [
  "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
  "M-3-3h6v6h-6z",
  "M0-4L4 3H-4z",
  "M0-4L4 0L0 4L-4 0z",
  "M-4-3H4L0 4z",
];

/** A chart for a card, bare of axes or with them; with the options of chart() that it needs. */
export const sparkline = ({ label, isBare = true, ...options }) =>
  redrawn(
    h(isBare ? "div.spark" : "div.spark.axes", { role: "img", "aria-label": label }),
    (width, height) => drawing(layout({ ...options, height, isBare }, width)),
  );

/** The legend of a card's groups, with a text beside each. @param {{name: string, isRest?: boolean, text: string}[]} series */
export const barLegend = series =>
  h(
    "ul.legend",
    series.map(({ name, text }, index) =>
      legendItem(swatch(true, colour(series, index)), name, h("b", text)),
    ),
  );

/** Draws anew whenever the size of a box has changed; on paper what is there is scaled. @param {(width: number, height: number) => SVGElement} draw */
export function redrawn(plot, draw) {
  new ResizeObserver(() => {
    const isPrinted = matchMedia("print").matches;
    if (plot.clientWidth && !isPrinted) fill(plot, draw(plot.clientWidth, plot.clientHeight));
  }).observe(plot);
  return plot;
}

// Drawing

/** @param {object} frame what layout() made of a chart's options */
export function drawing(frame) {
  const { width, height, series, compare, target, hasBars, isBare } = frame;
  const draw = hasBars ? bars : lines;
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("g.grid", isBare ? zeroLine(frame) : valueAxis(frame)),
    !isBare && svg("g.axis", timeAxis(frame)),
    compare && svg("g.compare", draw(frame, compare.values, { index: 0, isCompared: true })),
    series.map(({ values }, index) => svg(colour(series, index), draw(frame, values, { index }))),
    target && svg("g.target", targetLine(frame)),
  );
}

/** The class of a series' colour, as an element of h() or svg(). */
export function colour(series, index) {
  if (series[index].isRest) return "g.rest";
  return `g.s${index % COLOURS}${index < COLOURS ? "" : ".pale"}`;
}

const zeroLine = ({ width, y }) => svg("line.zero", { x2: width, y1: y(0), y2: y(0) });

const valueAxis = ({ ticks, labels, box, y }) =>
  ticks.map((value, index) => [
    svg(value === 0 ? "line.zero" : "line", {
      x1: box.left,
      x2: box.right,
      y1: y(value),
      y2: y(value),
    }),
    svg("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, labels[index]),
  ]);

function timeAxis(frame) {
  const { box, x } = frame;
  return timeTicks(frame).map(({ index, text }) => {
    const lastMiddle = box.right - (text.length * CHARACTER_PX) / 2;
    const position = { x: Math.min(x(index), lastMiddle), y: box.bottom + 19 };
    return [
      svg("line", { x1: x(index), x2: x(index), y1: box.bottom, y2: box.bottom + 5 }),
      svg("text", { ...position, "text-anchor": "middle" }, text),
    ];
  });
}

const hasValue = value => value !== null && value !== undefined;

// Dashed where a bucket is not over, and broken where there is no value.
function lines(frame, values, { index, isCompared = false }) {
  const { buckets, isBare, x, y } = frame;
  const paths = { "path.line": "", "path.line.dashed": "" };
  const hasDots = !isCompared && !isBare && buckets.length <= DOTS_UP_TO;
  const point = bucket => `${x(bucket).toFixed(1)} ${y(values[bucket]).toFixed(1)}`;
  const dots = [];
  for (let bucket = 0; bucket < buckets.length; bucket += 1) {
    if (!hasValue(values[bucket])) continue;
    const isOpen = !isCompared && !buckets[bucket].complete;
    const hasLeft = hasValue(values[bucket - 1]);
    const isAlone = !hasLeft && !hasValue(values[bucket + 1]);
    if (hasLeft) {
      const path = isOpen ? "path.line.dashed" : "path.line";
      paths[path] += `M${point(bucket - 1)}L${point(bucket)}`;
    }
    if (hasDots || isAlone) dots.push(dot(index, isOpen, `translate(${point(bucket)})`));
  }
  return [Object.entries(paths).map(([name, d]) => svg(name, { d })), dots];
}

/** The sign of a series. */
export const dot = (index, isOpen, transform) =>
  svg(isOpen ? "path.dot.open" : "path.dot", { d: DOTS[index % DOTS.length], transform });

// Those of a comparison stand behind, and are wider.
function bars(frame, values, { index, isCompared = false }) {
  const { buckets, series, band, bases, x, y } = frame;
  const wholeWidth = band * (isCompared ? 0.9 : 0.66);
  const places = isCompared || bases ? 1 : series.length;
  const width = wholeWidth / places;
  return values.slice(0, buckets.length).map((value, bucket) => {
    if (value === null) return null;
    const isSolid = isCompared || buckets[bucket].complete;
    const base = isCompared || !bases ? 0 : bases[index][bucket];
    const [foot, end] = [y(base), y(base + value)];
    return svg(isSolid ? "rect.bar" : "rect.bar.open", {
      x: x(bucket) - wholeWidth / 2 + (index % places) * width,
      width,
      y: Math.min(foot, end),
      height: value && Math.max(Math.abs(end - foot), 1),
    });
  });
}

// A step for each bucket, and what it is, at its left end.
function targetLine({ target: { values }, box, band, x, y, format }) {
  const steps = values.map((value, bucket) => {
    if (!hasValue(value)) return "";
    const isFirst = !hasValue(values[bucket - 1]);
    const left = (x(bucket) - band / 2).toFixed(1);
    const right = (x(bucket) + band / 2).toFixed(1);
    const height = y(value).toFixed(1);
    return `${isFirst ? "M" : "L"}${left} ${height}L${right} ${height}`;
  });
  const [first] = values;
  if (!hasValue(first)) return null;
  const isLevel = values.every(value => value === first);
  const isBelow = y(first) - TARGET_LABEL_PX < 0;
  const place = { x: box.left + 4, y: y(first) + (isBelow ? TARGET_LABEL_PX : -4) };
  const label = svg("text", place, isLevel ? `Target ${shortNumber(first, format)}` : "Target");
  return [svg("path.line", { d: steps.join("") }), label];
}

export const legendItem = (sign, name, text) => h("li", sign, h("span.name", name), text);

/** A series in a legend. */
export function swatch(isBar, group, ...dots) {
  const bar = () => svg("rect.bar", { x: -5, y: -5, width: 10, height: 10 });
  const line = () => [svg("path.line", { d: "M-9 0H9" }), dots];
  const attributes = { viewBox: "-9 -6 18 12", "aria-hidden": "true" };
  return svg("svg.swatch", attributes, svg(group, isBar ? bar() : line()));
}
