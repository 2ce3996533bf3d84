// Charts as SVG. Colours and strokes come from style.css, by class.

import { fill, h, svg } from "./dom.js";
import { bucketName, clock, number, short, tick } from "./format.js";

const TEXT_PX = 7; // about the width of a character of a label
const LABEL_PX = 74; // of a label below the axis, with its distance to the next
const POINTS_UP_TO = 45; // more buckets than these have no dots
const COLOURS = 8; // of style.css
const DAY_MS = 86_400_000;
const MARKS = [
  "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
  "M-3-3h6v6h-6z",
  "M0-4L4 3H-4z",
  "M0-4L4 0L0 4L-4 0z",
  "M-4-3H4L0 4z",
];

/**
 * `series`: [{name, values}], a value a bucket, null where there is none; `compare`: {name, buckets, values} or null.
 * `onpick(bucket, series)` is told what was clicked.
 */
export function chart(options) {
  const plot = h("div.plot", {
    tabindex: "0",
    role: "application",
    "aria-label": `${options.label}. Arrow keys walk through the values, Enter shows the events.`,
  });
  const tip = h("div.tip", { role: "status" });
  const names = h("ul.legend");
  let frame;
  redrawn(plot, width => {
    fill(tip);
    frame = layout(options, width);
    fill(names, legend(frame));
    return drawing(frame);
  });
  follow(plot, tip, () => frame, options);
  return h("figure", names, h("div.stage", plot, tip));
}

// Without axes, for a card.
export const sparkline = ({ label, ...options }) =>
  redrawn(h("div.spark", { role: "img", "aria-label": label }), width =>
    drawing(layout({ ...options, height: 72, bare: true }, width)),
  );

function redrawn(plot, draw) {
  new ResizeObserver(() => {
    if (plot.clientWidth) fill(plot, draw(plot.clientWidth));
  }).observe(plot);
  return plot;
}

// Scales

function layout(options, width) {
  const { buckets, series, compare, format, height, bare } = options;
  const values = [...series, compare].flatMap(each => each?.values ?? []);
  const ticks = niceTicks(
    values.reduce((a, b) => Math.min(a, b), 0),
    values.reduce((a, b) => Math.max(a, b), 0),
    height / 60,
    values.every(Number.isInteger) ? 1 : 0,
  );
  const [low, high] = [ticks[0], ticks.at(-1)];
  const labels = ticks.map(value => short(value, format));
  const box = bare
    ? { left: 2, right: width - 2, top: 5, bottom: height - 5 }
    : {
        left: Math.max(...labels.map(text => text.length)) * TEXT_PX + 12,
        right: width - 8,
        top: 10,
        bottom: height - 26,
      };
  const band = (box.right - box.left) / buckets.length;
  return {
    ...options,
    width,
    box,
    ticks,
    labels,
    band,
    bars: band >= 2 * series.length && (options.kind === "bar" || buckets.length === 1),
    x: index => box.left + (index + 0.5) * band,
    y: value => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top),
  };
}

// At 1, 2 or 5 times a power of ten, covering all values.
function niceTicks(low, high, wanted, least) {
  if (low === high) return [0, 1];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, [1, 2, 5, 10].find(factor => factor * power >= rough) * power);
  const first = Math.floor(low / step);
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

// A label stands where a unit begins, the smallest for which there is room: [unit, what stays the same in one]. Weeks begin on Monday.
const UNITS = [
  ["hour", ({ day, hour }) => day + hour],
  ["hour", ({ day, hour }) => day + Math.floor(hour / 6)],
  ["day", ({ day }) => day],
  ["day", ({ year, month, day }) => Math.floor((Date.UTC(year, month - 1, day) / DAY_MS + 3) / 7)],
  ["month", ({ month }) => month],
  ["month", ({ month }) => Math.ceil(month / 3)],
  ["year", ({ year }) => year],
];
const SMALLEST = { hour: 0, month: 4 };

// [[index, text]]
function calendarTicks(buckets, interval, zone, most) {
  const clocks = [new Date(buckets[0].start) - 1, ...buckets.map(({ start }) => start)].map(each =>
    clock(each, zone),
  );
  const indexes = [...buckets.keys()];
  const begun = UNITS.slice(SMALLEST[interval] ?? 2).map(([unit, key]) => [
    unit,
    indexes.filter(index => key(clocks[index]) !== key(clocks[index + 1])),
  ]);
  const telling = begun.filter(([, { length }]) => length >= Math.min(2, buckets.length));
  const [unit, places] = telling.find(([, { length }]) => length <= most) ?? telling.at(-1);
  const every = Math.ceil(places.length / most);
  return places
    .filter((_, place) => place % every === 0)
    .map(index => [index, tick(buckets[index].start, shownUnit(unit, clocks[index + 1]), zone)]);
}

const shownUnit = (unit, { month, hour }) =>
  unit === "month" && month === "01" ? "year" : unit === "hour" && +hour === 0 ? "day" : unit;

// Drawing

function drawing(frame) {
  const { width, height, series, compare, bars, bare, y } = frame;
  const draw = bars ? drawBars : drawLines;
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("g.grid", bare ? svg("line.zero", { x2: width, y1: y(0), y2: y(0) }) : horizontals(frame)),
    !bare && svg("g.axis", verticals(frame)),
    compare && svg("g.compare", draw(frame, compare, 0, true)),
    series.map((each, index) => svg(colour(index), draw(frame, each, index, false))),
  );
}

const colour = index => `g.s${index % COLOURS}${index < COLOURS ? "" : ".pale"}`;

const horizontals = ({ ticks, labels, box, y }) =>
  ticks.map((value, index) => [
    svg(value === 0 ? "line.zero" : "line", {
      x1: box.left,
      x2: box.right,
      y1: y(value),
      y2: y(value),
    }),
    svg("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, labels[index]),
  ]);

const verticals = ({ buckets, interval, zone, box, x }) =>
  calendarTicks(
    buckets,
    interval,
    zone,
    Math.max(1, Math.floor((box.right - box.left) / LABEL_PX)),
  ).map(([index, text]) => [
    svg("line", { x1: x(index), x2: x(index), y1: box.bottom, y2: box.bottom + 5 }),
    svg(
      "text",
      {
        x: Math.min(x(index), box.right - (text.length * TEXT_PX) / 2),
        y: box.bottom + 19,
        "text-anchor": "middle",
      },
      text,
    ),
  ]);

// Dashed where a bucket is not over, and broken where there is no value.
function drawLines({ buckets, bare, x, y }, { values }, index, lighter) {
  const paths = { "path.line": "", "path.line.dashed": "" };
  const dots = !lighter && !bare && buckets.length <= POINTS_UP_TO;
  const point = place => `${x(place).toFixed(1)} ${y(values[place]).toFixed(1)}`;
  const known = place => (values[place] ?? null) !== null;
  const marks = buckets.map(({ complete }, place) => {
    if (!known(place)) return null;
    const open = !lighter && !complete;
    if (known(place - 1))
      paths[open ? "path.line.dashed" : "path.line"] += `M${point(place - 1)}L${point(place)}`;
    return (
      (dots || !(known(place - 1) || known(place + 1))) &&
      mark(index, open, `translate(${point(place)})`)
    );
  });
  return [Object.entries(paths).map(([name, d]) => svg(name, { d })), marks];
}

const mark = (index, open, transform) =>
  svg(open ? "path.mark.open" : "path.mark", { d: MARKS[index % MARKS.length], transform });

function drawBars({ buckets, series, band, x, y }, { values }, index, lighter) {
  const whole = band * (lighter ? 0.9 : 0.66);
  const width = lighter ? whole : whole / series.length;
  return values
    .slice(0, buckets.length)
    .map(
      (value, place) =>
        value !== null &&
        svg(lighter || buckets[place].complete ? "rect.bar" : "rect.bar.open", {
          x: x(place) - whole / 2 + index * width,
          width,
          y: Math.min(y(value), y(0)),
          height: value && Math.max(Math.abs(y(value) - y(0)), 1),
        }),
    );
}

const legend = ({ buckets, series, compare, bars }) => [
  (series.length > 1 || compare) && [
    series.map((each, index) =>
      h("li", swatch(bars, colour(index), mark(index)), h("span.name", each.name)),
    ),
    compare && h("li", swatch(bars, "g.compare"), h("span.name", compare.name)),
  ],
  buckets.some(
    ({ complete }, at) => !complete && series.some(({ values }) => values[at] !== null),
  ) && h("li.hint", "Dashed: not over yet"),
];

const swatch = (bars, name, ...marks) =>
  svg(
    "svg.swatch",
    { viewBox: "-9 -6 18 12", "aria-hidden": "true" },
    svg(
      name,
      bars
        ? svg("rect.bar", { x: -5, y: -5, width: 10, height: 10 })
        : [svg("path.line", { d: "M-9 0H9" }), marks],
    ),
  );

// The tooltip follows mouse, finger and arrow keys

function follow(plot, tip, frameOf, { buckets, onpick }) {
  let at = null;
  let first = false; // of two taps: it shows the values, the second one the events
  const show = index => {
    gone();
    at = index;
    point(plot, tip, frameOf(), index);
  };
  const gone = () => {
    at = null;
    fill(tip);
    plot.querySelector(".cursor")?.remove();
  };
  const on = (name, act) => plot.addEventListener(name, act);
  const indexAt = ({ offsetX }) =>
    Math.max(
      0,
      Math.min(buckets.length - 1, Math.floor((offsetX - frameOf().box.left) / frameOf().band)),
    );
  on("pointerdown", event => {
    first = event.pointerType === "touch" && at !== indexAt(event);
    show(indexAt(event));
  });
  on("pointermove", event => show(indexAt(event)));
  on("pointerleave", event => {
    if (event.pointerType !== "touch" && document.activeElement !== plot) gone();
  });
  on("blur", gone);
  on("click", event => {
    if (!first) onpick(at, nearest(frameOf(), event.offsetY, at));
  });
  on("keydown", event => {
    const end = buckets.length - 1;
    const next = {
      ArrowLeft: Math.max(0, (at ?? end + 1) - 1),
      ArrowRight: Math.min(end, (at ?? -1) + 1),
      Home: 0,
      End: end,
    }[event.key];
    if (next !== undefined) show(next);
    else if (event.key === "Enter" && at !== null) onpick(at, 0);
    else if (event.key === "Escape") gone();
    else return;
    event.preventDefault();
  });
}

function nearest({ series, y }, height, index) {
  const distances = series.map(({ values }) =>
    values[index] === null ? Infinity : Math.abs(y(values[index]) - height),
  );
  return distances.indexOf(Math.min(...distances));
}

function point(
  plot,
  tip,
  { bars, buckets, series, compare, interval, zone, format, box, x, width },
  index,
) {
  plot.firstChild.append(
    svg("line.cursor", { x1: x(index), x2: x(index), y1: box.top, y2: box.bottom }),
  );
  const row = (sign, name, value) =>
    h("span.tip-row", sign, h("span.name", name), h("b", number(value, format)));
  fill(
    tip,
    h("strong", bucketName(buckets[index], interval, zone)),
    !buckets[index].complete && h("span.hint", "not over yet"),
    series.map((each, place) =>
      row(
        series.length > 1 && swatch(bars, colour(place), mark(place)),
        each.name,
        each.values[index],
      ),
    ),
    compare?.buckets[index] &&
      row(null, bucketName(compare.buckets[index], interval, zone), compare.values[index]),
    h("span.hint", "Click or Enter: the events"),
  );
  const room = Math.min(tip.offsetWidth, width);
  tip.style.left = `${Math.max(0, Math.min(x(index) > width / 2 ? x(index) - room - 12 : x(index) + 12, width - room))}px`;
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
];

export function svgText(figure, title) {
  const drawn = figure.querySelector(".plot svg");
  const copy = drawn.cloneNode(true);
  const originals = [drawn, ...drawn.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((each, index) => {
    for (const name of PAINT)
      each.setAttribute(name, getComputedStyle(originals[index]).getPropertyValue(name));
    each.removeAttribute("class");
  });
  copy.prepend(
    svg("title", title),
    svg("rect", {
      width: "100%",
      height: "100%",
      fill: getComputedStyle(document.body).backgroundColor,
    }),
  );
  return new XMLSerializer().serializeToString(copy);
}
