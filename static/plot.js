// Charts to walk through: with a tooltip, and what a click opens.

import { colour, dot, drawing, legendItem, redrawn, swatch } from "./chart.js";
import { fill, h, svg } from "./dom.js";
import { bucketName, number } from "./format.js";
import { layout } from "./scales.js";

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
