// Charts as SVG. Colours and strokes come from style.css, by class.

import { fill, h, svg } from "./dom.js";
import { bucketName, number, shortNumber } from "./format.js";
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

/**
 * A chart with axes, a legend and a tooltip.
 * @param {{label: string, buckets: object[], interval: string, zone: string, format: object, height: number,
 *   kind: "line" | "bar", isStacked: boolean, series: {name: string, values: (number | null)[], isRest?: boolean}[],
 *   compare: {name: string, values: (number | null)[]} | null, target?: {values: (number | null)[]} | null, last: number,
 *   onpick: (bucketIndex: number, seriesIndex: number) => void}} options a value a bucket, null where there is none;
 *   `last` is the index of the last bucket to walk to; `height` is in pixels; onpick() follows a click; `isStacked` puts bars
 *   upon each other, and `isRest` is a series of all that have none of their own
 */
export function chart(options) {
  const plot = h("div.plot", {
    tabindex: "0",
    role: "application",
    "aria-label": `${options.label}. Arrow keys walk through the values, Enter shows the events.`,
  });
  const tip = h("div.tip", { role: "status" });
  const legendList = h("ul.legend");
  const pointer = new Pointer(plot, tip, options);
  redrawn(plot, width => {
    const frame = layout(options, width);
    fill(tip);
    fill(legendList, legend(frame));
    pointer.frame = frame;
    return drawing(frame);
  });
  return h("figure", legendList, h("div.stage", plot, tip));
}

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

// Draws anew whenever the size has changed.
function redrawn(plot, draw) {
  new ResizeObserver(() => {
    if (plot.clientWidth) fill(plot, draw(plot.clientWidth, plot.clientHeight));
  }).observe(plot);
  return plot;
}

// Drawing

function drawing(frame) {
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

function colour(series, index) {
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

const dot = (index, isOpen, transform) =>
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

function legend({ buckets, series, compare, hasBars }) {
  const items = [];
  if (series.length > 1 || compare) {
    series.forEach(({ name }, index) => {
      items.push(legendItem(swatch(hasBars, colour(series, index), dot(index)), name));
    });
  }
  if (compare) items.push(legendItem(swatch(hasBars, "g.compare"), compare.name));
  const showsOpen = buckets.some(
    ({ complete }, bucket) => !complete && series.some(({ values }) => values[bucket] !== null),
  );
  if (showsOpen) items.push(h("li.hint", "Dashed: in progress"));
  return items;
}

const legendItem = (sign, name, text) => h("li", sign, h("span.name", name), text);

function swatch(isBar, group, ...dots) {
  const bar = () => svg("rect.bar", { x: -5, y: -5, width: 10, height: 10 });
  const line = () => [svg("path.line", { d: "M-9 0H9" }), dots];
  const attributes = { viewBox: "-9 -6 18 12", "aria-hidden": "true" };
  return svg("svg.swatch", attributes, svg(group, isBar ? bar() : line()));
}

// The tooltip

/** Has the tooltip follow mouse, finger and arrow keys. `frame` is the chart's layout, once it is drawn. */
class Pointer {
  frame = null;
  bucket = null; // the index of the one whose values are shown
  isFirstTap = false; // it shows the values, and the second one the events

  constructor(plot, tip, { last, onpick }) {
    this.plot = plot;
    this.tip = tip;
    this.last = last;
    this.onpick = onpick;
    for (const type of ["pointerdown", "pointermove", "pointerleave", "blur", "click", "keydown"]) {
      plot.addEventListener(type, event => this[type](event));
    }
  }

  pointerdown(event) {
    const bucket = this.bucketAt(event);
    this.isFirstTap = event.pointerType === "touch" && this.bucket !== bucket;
    this.show(bucket);
  }

  pointermove(event) {
    this.show(this.bucketAt(event));
  }

  pointerleave(event) {
    const stays = event.pointerType === "touch" || document.activeElement === this.plot;
    if (!stays) this.hide();
  }

  blur() {
    this.hide();
  }

  click(event) {
    if (this.isFirstTap) return;
    this.onpick(this.bucket, nearestSeries(this.frame, event.offsetY, this.bucket));
  }

  keydown(event) {
    const act = this.actionOf(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  }

  actionOf(key) {
    const { bucket, last } = this;
    if (key === "ArrowLeft") return () => this.show(Math.max(0, (bucket ?? last + 1) - 1));
    if (key === "ArrowRight") return () => this.show(Math.min(last, (bucket ?? -1) + 1));
    if (key === "Home") return () => this.show(0);
    if (key === "End") return () => this.show(last);
    if (key === "Enter" && bucket !== null) return () => this.onpick(bucket, 0);
    if (key === "Escape") return () => this.hide();
    return null;
  }

  bucketAt({ offsetX }) {
    const { box, band } = this.frame;
    const bucket = Math.floor((offsetX - box.left) / band);
    return Math.max(0, Math.min(this.last, bucket));
  }

  show(bucket) {
    this.hide();
    this.bucket = bucket;
    const { x, box, width } = this.frame;
    const middle = x(bucket);
    const position = { x1: middle, x2: middle, y1: box.top, y2: box.bottom };
    this.plot.firstChild.append(svg("line.cursor", position));
    fill(this.tip, tipContent(this.frame, bucket));
    const tipWidth = Math.min(this.tip.offsetWidth, width);
    const left = middle > width / 2 ? middle - tipWidth - 12 : middle + 12;
    this.tip.style.left = `${Math.max(0, Math.min(left, width - tipWidth))}px`;
  }

  hide() {
    this.bucket = null;
    fill(this.tip);
    this.plot.querySelector(".cursor")?.remove();
  }
}

// By the middles of stacked bars, else by the values.
function nearestSeries({ series, bases, hasBars, y }, height, bucket) {
  const distances = series.map(({ values }, index) => {
    const value = values[bucket];
    if (value === null) return Infinity;
    const place = bases && hasBars ? bases[index][bucket] + value / 2 : value;
    return Math.abs(y(place) - height);
  });
  return distances.indexOf(Math.min(...distances));
}

function tipContent({ hasBars, buckets, series, compare, interval, zone, format }, bucket) {
  const row = (sign, name, value) =>
    h("span.tip-row", sign, h("span.name", name), h("b", number(value, format)));
  const sign = index => series.length > 1 && swatch(hasBars, colour(series, index), dot(index));
  const compared = compare && buckets[bucket].compare;
  return [
    h("strong", bucketName(buckets[bucket], interval, zone)),
    !buckets[bucket].complete && h("span.hint", "in progress"),
    series.map(({ name, values }, index) => row(sign(index), name, values[bucket])),
    compared && row(null, bucketName(compared, interval, zone), compared.value),
    h("span.hint", "Click or press Enter for the events"),
  ];
}

// As a file, with the colours that are seen

const PAINT = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "font-size",
  "font-family",
  "opacity",
  "paint-order",
];

/** A chart as the text of an SVG file. @param {HTMLElement} figure as chart() made it */
export function svgText(figure, title) {
  const original = figure.querySelector(".plot svg");
  const copy = original.cloneNode(true);
  const originals = [original, ...original.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, index) => {
    const style = getComputedStyle(originals[index]);
    for (const name of PAINT) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  const background = getComputedStyle(document.body).backgroundColor;
  copy.prepend(
    svg("title", title),
    svg("rect", { width: "100%", height: "100%", fill: background }),
  );
  return new XMLSerializer().serializeToString(copy);
}
