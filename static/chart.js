// Line and bar charts as SVG. Colours, strokes and text come from style.css, by class.

import { h, svg } from "./dom.js";
import { bucketName, clock, number, short, tick } from "./format.js";

const TEXT_PX = 7;         // about the width of a character of a label
const LABEL_PX = 74;       // what a label below the axis may take, with its distance to the next
const POINTS_UP_TO = 45;   // more buckets than these have no dots
const COLOURS = 8;         // of style.css
const MARKS = ["M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0", "M-3-3h6v6h-6z", "M0-4L4 3.2H-4z", "M0-4.4L4.4 0L0 4.4L-4.4 0z",
  "M-4-3.2H4L0 4z", "M-1.3-4h2.6v2.7H4v2.6H1.3V4h-2.6V1.3H-4v-2.6h2.7z", "M-4.4-2h8.8v4h-8.8z", "M-2-4.4h4v8.8h-4z"];

/**
 * `series`: [{name, values}], a value a bucket, null where there is none; `compare`: {name, buckets, values} or null.
 * `onpick(bucket, series)` is told what was clicked. Draws itself anew when its width changes.
 */
export function chart(options) {
  const plot = h("div.plot", { tabindex: "0", role: "application", "aria-roledescription": "chart",
    "aria-label": `${options.label}. The left and right arrow keys walk through the values${options.onpick ? ", Enter shows the events" : ""}.` });
  const tip = h("div.tip", { role: "status" });
  const figure = h("figure.chart", legend(options), h("div.stage", plot, tip));
  let frame = null;
  const redraw = () => {
    const width = Math.floor(plot.clientWidth);
    if (!width || width === frame?.width) return;
    frame = layout(options, width);
    plot.replaceChildren(drawing(frame));
    hide(tip);
  };
  new ResizeObserver(redraw).observe(plot);
  follow(plot, tip, () => frame, options);
  return figure;
}

// Scales

function layout(options, width) {
  const { buckets, series, compare, format, height = 280 } = options;
  const values = [...series, ...(compare ? [compare] : [])].flatMap((each) => each.values).filter((value) => value !== null && value !== undefined);
  const axis = niceAxis(Math.min(0, ...extent(values)), Math.max(0, ...extent(values)), Math.max(2, Math.round(height / 60)));
  const labels = axis.ticks.map((value) => short(value, format, axis.step));
  const left = Math.max(...labels.map((text) => text.length)) * TEXT_PX + 12;
  const box = { left, right: width - 8, top: 10, bottom: height - 26 };
  const band = (box.right - box.left) / buckets.length;
  const kind = options.kind === "bar" && band >= 2 * series.length ? "bar" : "line";
  return { ...options, kind, width, height, box, axis, labels, band,
    x: (index) => box.left + (index + 0.5) * band,
    y: (value) => box.bottom - ((value - axis.low) / (axis.high - axis.low)) * (box.bottom - box.top) };
}

/** Smallest and largest; a spread argument list could be too long. */
function extent(values) {
  return values.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : [0];
}

/** Ticks at 1, 2 or 5 times a power of ten, which cover all values. */
export function niceAxis(low, high, wanted) {
  if (low === high) return { low: 0, high: 1, step: 1, ticks: [0, 1] };
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  return { low: ticks[0], high: ticks.at(-1), step, ticks };
}

// Which buckets get a label: those at which a larger calendar unit begins, as many as there is room for.

const DAY = ({ hour, minute }) => hour === 0 && minute === 0;
const RULES = {
  hour: [["hour", () => true], ["hour", ({ hour }) => hour % 3 === 0], ["hour", ({ hour }) => hour % 6 === 0], ["day", DAY]],
  day: [["day", () => true]],
  week: [["day", () => true]],
  month: [["month", () => true]],
  total: [["day", () => true]],
};
const LARGER = [["day", (now) => DAY(now) && now.weekday === "Mon"], ["month", ({ day }) => day === 1], ["month", ({ day, month }) => day === 1 && month % 3 === 1],
  ["year", ({ day, month }) => day === 1 && month === 1]];

/** [{index, text}] */
export function calendarTicks(buckets, interval, zone, most) {
  const clocks = buckets.map(({ start }) => clock(start, zone));
  for (const [unit, begins] of [...RULES[interval], ...LARGER]) {
    const found = clocks.flatMap((now, index) => (begins(now) ? [index] : []));
    if (found.length <= most && found.length >= Math.min(2, buckets.length)) return found.map((index) => ({ index, text: tickText(buckets[index], clocks[index], unit, zone) }));
  }
  const every = Math.ceil(buckets.length / most);
  const unit = RULES[interval][0][0];
  return buckets.flatMap((bucket, index) => (index % every ? [] : [{ index, text: tickText(bucket, clocks[index], unit, zone) }]));
}

/** January is labelled with its year, midnight with its day. */
function tickText(bucket, now, unit, zone) {
  if (unit === "month" && now.month === 1) return tick(bucket.start, "year", zone);
  if (unit === "hour" && DAY(now)) return tick(bucket.start, "day", zone);
  return tick(bucket.start, unit, zone);
}

// Drawing

function drawing(frame) {
  const { width, height, series, compare, kind } = frame;
  const draw = kind === "bar" ? bars : lines;
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("g.grid", horizontals(frame)),
    svg("g.axis", verticals(frame)),
    compare ? svg("g.compare", draw(frame, compare, 0, true)) : null,
    series.map((each, index) => svg("g", { class: colour(index) }, draw(frame, each, index, false))),
    svg("line.cursor", { y1: frame.box.top, y2: frame.box.bottom, visibility: "hidden" }));
}

export const colour = (index) => `series s${index % COLOURS}`;

function horizontals({ axis, labels, box, y }) {
  return axis.ticks.map((value, index) => [
    svg("line", { class: value === 0 ? "zero" : null, x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
    svg("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, labels[index])]);
}

function verticals({ buckets, interval, zone, box, x }) {
  const ticks = calendarTicks(buckets, interval, zone, Math.max(1, Math.floor((box.right - box.left) / LABEL_PX)));
  return ticks.map(({ index, text }) => [
    svg("line", { x1: x(index), x2: x(index), y1: box.bottom, y2: box.bottom + 5 }),
    svg("text", { x: Math.max(box.left, Math.min(x(index), box.right - text.length * TEXT_PX / 2)), y: box.bottom + 19, "text-anchor": "middle" }, text)]);
}

/** A path for each unbroken run; the step to a bucket that is not over is dashed. */
function lines(frame, { values }, index, lighter) {
  const { buckets, x, y } = frame;
  const parts = [];
  let run = [];
  const end = () => { if (run.length > 1) parts.push(svg("path.line", { d: path(run) })); run = []; };
  const dots = !lighter && buckets.length <= POINTS_UP_TO;
  values.slice(0, buckets.length).forEach((value, place) => {
    if (value === null) return end();
    const point = [x(place), y(value)];
    if (!lighter && !buckets[place].complete && run.length) {
      const before = run.at(-1);
      end();
      parts.push(svg("path.line.dashed", { d: path([before, point]) }));
    }
    run.push(point);
    const alone = (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null;
    if (dots || alone) parts.push(mark(point, index, buckets[place].complete || lighter));
    return undefined;
  });
  end();
  return parts;
}

const path = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function mark([x, y], index, complete) {
  return svg("path", { class: complete ? "mark" : "mark open", d: MARKS[index % MARKS.length], transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
}

function bars(frame, { values }, index, lighter) {
  const { buckets, series, band, x, y } = frame;
  const whole = band * (lighter ? 0.9 : 0.66);
  const width = Math.max(1, whole / (lighter ? 1 : series.length));
  return values.slice(0, buckets.length).map((value, place) => {
    if (value === null) return null;
    const top = Math.min(y(value), y(0));
    const height = Math.max(Math.abs(y(value) - y(0)), value === 0 ? 0 : 1);
    const left = x(place) - whole / 2 + (lighter ? 0 : index * width);
    return svg("rect", { class: lighter || buckets[place].complete ? "bar" : "bar open", x: left, y: top, width: Math.max(1, width - (series.length > 1 ? 1 : 0)), height });
  });
}

function legend({ series, compare }) {
  if (series.length < 2 && !compare) return null;
  return h("ul.legend",
    series.map((each, index) => h("li", swatch(index), h("span", each.name))),
    compare ? h("li", svg("svg.swatch.compare", { viewBox: "-9 -6 18 12", "aria-hidden": "true" }, svg("path.line", { d: "M-9 0H9" })),
      h("span", compare.name)) : null);
}

function swatch(index) {
  return svg("svg.swatch", { viewBox: "-9 -6 18 12", "aria-hidden": "true" }, svg("g", { class: colour(index) },
    svg("path.line", { d: "M-9 0H9" }), svg("path.mark", { d: MARKS[index % MARKS.length] })));
}

// The tooltip follows mouse, finger and arrow keys

function follow(plot, tip, frameOf, options) {
  let at = null;
  let touched = false; // by the tap before this one
  const show = (index) => { at = index; point(plot, tip, frameOf(), index); };
  const indexAt = (event) => {
    const { box, band, buckets } = frameOf();
    const index = Math.floor((event.clientX - plot.getBoundingClientRect().left - box.left) / band);
    return Math.max(0, Math.min(buckets.length - 1, index));
  };
  plot.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") show(indexAt(event)); });
  plot.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch" && at !== indexAt(event); show(indexAt(event)); });
  plot.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch" && document.activeElement !== plot) { at = null; hide(tip, plot); } });
  plot.addEventListener("blur", () => { at = null; hide(tip, plot); });
  plot.addEventListener("click", (event) => { if (options.onpick && !touched) options.onpick(indexAt(event), nearest(frameOf(), event, plot, indexAt(event))); });
  plot.addEventListener("keydown", (event) => {
    const end = options.buckets.length - 1;
    const next = { ArrowLeft: Math.max(0, (at ?? end + 1) - 1), ArrowRight: Math.min(end, (at ?? -1) + 1), Home: 0, End: end }[event.key];
    if (next !== undefined) { event.preventDefault(); show(next); }
    else if (event.key === "Enter" && at !== null && options.onpick) { event.preventDefault(); options.onpick(at, 0); }
    else if (event.key === "Escape") { at = null; hide(tip, plot); }
  });
}

/** The series whose point is closest to the pointer. */
function nearest({ series, y }, event, plot, index) {
  const height = event.clientY - plot.getBoundingClientRect().top;
  const distances = series.map(({ values }) => (values[index] === null ? Infinity : Math.abs(y(values[index]) - height)));
  return distances.indexOf(Math.min(...distances));
}

function point(plot, tip, frame, index) {
  const { buckets, series, compare, interval, zone, format, x, width, onpick } = frame;
  const cursor = plot.querySelector(".cursor");
  cursor.setAttribute("x1", x(index));
  cursor.setAttribute("x2", x(index));
  cursor.setAttribute("visibility", "visible");
  const against = compare && index < compare.values.length ? tipRow(null, bucketName(compare.buckets[index], interval, zone), number(compare.values[index], format)) : null;
  tip.replaceChildren(h("strong", bucketName(buckets[index], interval, zone)), buckets[index].complete ? "" : h("span.hint", "not over yet"),
    ...series.map((each, place) => tipRow(series.length > 1 ? swatch(place) : null, each.name, number(each.values[index], format))), against ?? "",
    onpick ? h("span.hint", "Click or Enter: the events") : "");
  tip.classList.add("shown");
  const room = Math.min(tip.offsetWidth, width);
  tip.style.left = `${Math.max(0, Math.min(x(index) > width / 2 ? x(index) - room - 12 : x(index) + 12, width - room))}px`;
}

function tipRow(sign, name, value) {
  return h("span.tip-row", sign, h("span.name", name), h("b", value));
}

function hide(tip, plot = null) {
  tip.classList.remove("shown");
  tip.replaceChildren();
  plot?.querySelector(".cursor")?.setAttribute("visibility", "hidden");
}

// Small, for a card

export function sparkline({ buckets, values, compare, label }) {
  const options = { buckets, series: [{ values }], compare: compare ? { values: compare } : null, format: null, height: 72 };
  const plot = h("div.spark", { role: "img", "aria-label": label });
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.floor(plot.clientWidth);
    if (!width || width === drawn) return;
    drawn = width;
    const frame = layout(options, width);
    const box = { left: 2, right: width - 2, top: 5, bottom: 67 };
    const band = (box.right - box.left) / buckets.length;
    const scaled = { ...frame, box, band, x: (index) => box.left + (index + 0.5) * band,
      y: (value) => box.bottom - ((value - frame.axis.low) / (frame.axis.high - frame.axis.low)) * (box.bottom - box.top) };
    const draw = buckets.length === 1 ? bars : plainLines;
    plot.replaceChildren(svg("svg", { width, height: 72, viewBox: `0 0 ${width} 72`, "aria-hidden": "true" },
      svg("g.grid", svg("line", { x1: 0, x2: width, y1: scaled.y(0), y2: scaled.y(0) })),
      compare ? svg("g.compare", draw(scaled, { values: compare }, 0, true)) : null,
      svg("g", { class: colour(0) }, draw(scaled, { values }, 0, false))));
  }).observe(plot);
  return plot;
}

function plainLines(frame, each, index, lighter) {
  return lines(frame, each, index, lighter).filter((part) => !part.classList.contains("mark") || frame.buckets.length === 1);
}

// As a file of its own, with the colours that are seen

const PAINT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "fill-opacity", "opacity", "font-size", "font-family", "visibility"];

export function svgText(figure, title) {
  const drawn = figure.querySelector(".plot svg");
  const copy = drawn.cloneNode(true);
  const originals = [drawn, ...drawn.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((each, index) => {
    const seen = getComputedStyle(originals[index]);
    for (const name of PAINT) each.setAttribute(name, seen.getPropertyValue(name));
    each.removeAttribute("class");
  });
  const paper = svg("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor });
  copy.prepend(svg("title", title), paper);
  return new XMLSerializer().serializeToString(copy);
}
