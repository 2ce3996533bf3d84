// One metric: as its own view, and in the builder.

import { get, isAdmin, locationName, post, remove } from "./api.js";
import { chart, svgText } from "./chart.js";
import { clean, fieldFrom, fieldName, sentence } from "./definition.js";
import { button, combobox, download, fill, h, hint, link, select, table } from "./dom.js";
import { cut, openEvidence } from "./contacts.js";
import { bucketName, change, count, number, span, time } from "./format.js";
import { COMPARISONS, queryOf, RANGE, rangeBar, withRange } from "./range.js";
import { asking, confirm, loader, warnings } from "./states.js";

const ROWS = 100; // of a table, until all are asked for
export const SHOWN = { ...RANGE, by: "", chart: "line", table: "" };

export async function showMetric(view) {
  const path = `/metrics/v1/${view.parts[0]}`;
  const metric = await get(path);
  const pane = metricPane(view, () => clean(metric));
  const to = address => withRange(address, pane.state);
  const drop = () =>
    confirm(
      "Delete this metric?",
      `“${metric.name}” leaves the dashboard. No event is deleted.`,
      "Delete metric",
      () => remove(path),
    );
  const edit = to(`#/metrics/${metric.metric_id}/edit`);
  view.begin(
    metric.name,
    isAdmin()
      ? [
          asking("Delete", drop, () => {
            location.hash = to("#/dashboard");
          }), // far from where Save was
          link("Duplicate", to(`#/metrics/${metric.metric_id}/copy`), "button"),
          link("Edit", edit, "button primary"),
        ]
      : link("Definition", edit, "button"),
    h("p.lead", sentence(metric)),
    pane.controls,
    pane.box,
  );
  pane.calculate();
}

// `changed` follows a control, `troubled` is as of load().
export function metricPane(view, definition, { changed, troubled } = {}) {
  const [box, load] = loader();
  const [state, follow] = view.state(SHOWN, changed ?? calculate);
  const controls = rangeBar(
    state,
    follow,
    breakdownField(definition, state, follow),
    select("Chart", { line: "Lines", bar: "Bars" }, state, "chart", follow),
  );
  return { state, controls, box, calculate };

  function calculate() {
    const metric = definition();
    const query = { ...queryOf(state), ...(state.by && { breakdown: state.by }) };
    load(
      signal =>
        metric.terms.every(term => term.event) &&
        post("/metrics/v1/query", { ...query, metric }, signal),
      answer =>
        answer
          ? result({ definition: metric, query, answer, state, follow })
          : hint("Choose an event, and its numbers appear here."),
      troubled,
    );
  }
}

function breakdownField(definition, state, changed) {
  const said = { by: state.by && fieldName(state.by) };
  let offered;
  const options = async () => {
    const { terms } = definition();
    const [{ event_names: names }, { fields }] = await Promise.all([
      get("/event-names/v1"),
      get("/contact-fields/v1"),
    ]);
    const seen = names
      .filter(each => terms.some(term => term.event === each.event_name))
      .flatMap(each => each.properties);
    const contact = terms.every(term => term.type === "contact")
      ? ["tag", ...fields.map(each => each.field)]
      : [];
    offered = [
      "location",
      ...new Set(seen.map(({ key }) => `property.${key}`)),
      ...contact.filter(each => each !== "contact.date_created"),
    ];
    return offered.map(each => [fieldName(each)]);
  };
  const chosen = async () => {
    await options(); // Enter may be faster
    state.by = fieldFrom(said.by, offered);
    changed();
  };
  return combobox("Break down by", said, "by", null, { placeholder: "Nothing", options, chosen });
}

// `shown`: {definition, query, answer, state, follow}.

function result(shown) {
  const {
    answer,
    definition: { name = "metric" },
  } = shown;
  const figure = (answer.buckets.length > 1 || answer.breakdown) && resultChart(shown);
  const save = (suffix, type, text) =>
    button(
      `Download ${suffix.toUpperCase()}`,
      () =>
        download(`${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60)}.${suffix}`, type, text()),
      "small",
    );
  return [
    h(
      "div.card",
      headline(shown),
      warnings(answer.warnings.filter(({ code }) => !TOLD.includes(code))),
      skipped(shown),
      gaps(shown),
      figure,
      h(
        "div.actions.foot",
        hint(`Calculated ${time(answer.calculated_at)}`),
        save("csv", "text/csv", () => csv(shown)),
        figure && save("svg", "image/svg+xml", () => svgText(figure, name)),
      ),
    ),
    tables(shown),
  ];
}

const TOLD = ["division_by_zero", "skipped"]; // warnings for which there is more than their text

const skipped = shown =>
  shown.answer.warnings
    .filter(({ code }) => code === "skipped")
    .map(({ term, count: amount }) =>
      button(
        `Term ${term} skipped ${count(amount, "event")} whose property is not a number`,
        () => openEvidence(shown, "Skipped events", { term, skipped: true }),
        "inline",
      ),
    );

function gaps({ answer: { buckets, interval }, definition: { formula } }) {
  const some = buckets.filter(
    ({ value, terms }) => value === null && !Object.values(terms).includes(null),
  ).length;
  return (
    some > 0 &&
    hint(
      `No value in ${count(some, interval.replace("total", "range"))}, where ${formula} would divide by zero.`,
    )
  );
}

export const rangeText = ({ from, to, timezone }) => `${span(from, to, timezone)} · ${timezone}`;

function headline(shown) {
  const { total, compare, format, timezone } = shown.answer;
  return h(
    "div.headline",
    evidence(shown, total.value, format, "this number", {}, "value"),
    compare &&
      compare.total.value !== null &&
      h(
        "span.change",
        changeMark(total.value, compare.total.value, format),
        h(
          "span.hint",
          evidence(shown, compare.total.value, format, "the comparison", { compared: true }),
          ` in ${span(compare.from, compare.to, timezone)}`,
        ),
      ),
    h("span.hint", rangeText(shown.answer), !total.complete && " · not over yet"),
  );
}

export const changeMark = (...numbers) => h("span.delta", change(...numbers));

// A number that shows its events; `place` says which.
function evidence(shown, value, format, title, place, kind = "inline") {
  const text = number(value, format);
  return (value ?? null) === null
    ? h("span.value", text)
    : button(
        text,
        () => openEvidence(shown, `Events behind ${title}`, place),
        kind,
        `${text}: show its events`,
      );
}

const groupName = ({ key, other }, by) =>
  other ? "Other" : key === null ? "(none)" : by === "location" ? locationName(key) : key;
const placeOf = ({ key, other }) => ({ group: other ? { other } : { key } });
// Without what has not begun.
export const valuesOf = buckets =>
  buckets.map(({ value }, index) =>
    index && !buckets[index - 1].complete ? value || null : value,
  );

const seriesOf = ({ answer: { breakdown, buckets }, definition: { name = "Value" } }) =>
  breakdown?.groups.map(group => ({
    name: groupName(group, breakdown.by),
    values: valuesOf(group.buckets),
  })) ?? [{ name, values: valuesOf(buckets) }];

function resultChart(shown) {
  const { answer, definition, state } = shown;
  const { buckets, breakdown, compare, interval, timezone: zone, format } = answer;
  const before = !breakdown && compare?.buckets.some(({ value }) => value !== null);
  return chart({
    buckets,
    series: seriesOf(shown),
    kind: state.chart,
    interval,
    zone,
    format,
    height: 300,
    label: `Chart of ${definition.name ?? "this metric"}, ${rangeText(answer)}`,
    compare: before
      ? {
          name: COMPARISONS[compare.kind],
          buckets: compare.buckets,
          values: valuesOf(compare.buckets),
        }
      : null,
    onpick: (index, series) =>
      openEvidence(shown, `Events of ${bucketName(buckets[index], interval, zone)}`, {
        bucket: buckets[index].start,
        ...(breakdown?.groups[series] && placeOf(breakdown.groups[series])),
      }),
  });
}

// Tables. A row: {title, value, terms, compare} as the API gives them, and the place of its events.

function timeRows({ breakdown, buckets, total, compare, interval, timezone, from, to }) {
  const beside = value => breakdown?.groups.map(value);
  const row = (bucket, index) => ({
    ...bucket,
    compare: compare?.buckets[index],
    place: { bucket: bucket.start },
    title: `${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (not over yet)"}`,
    groups: beside(group => group.buckets[index].value),
  });
  return [
    "Time",
    [
      {
        ...total,
        start: from,
        end: to,
        title: "Whole range",
        compare: compare?.total,
        place: {},
        groups: beside(({ value }) => value),
      },
      ...buckets.map(row).reverse(),
    ],
  ];
}

const locationRows = ({ locations }) => [
  "Location",
  locations
    .toSorted((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity))
    .map(each => ({
      ...each,
      title: each.name ?? each.location_id,
      place: { locations: [each.location_id] },
    })),
];

const groupRows = ({ breakdown: { by, groups } }) => [
  cut(fieldName(by), 40),
  groups.map(group => ({ ...group, title: groupName(group, by), place: placeOf(group) })),
];

const ROWS_BY = { group: groupRows, time: timeRows, location: locationRows };
const tablesOf = ({ breakdown }) => Object.keys(ROWS_BY).slice(breakdown ? 0 : 1);

function tables(shown) {
  const { answer, state, follow } = shown;
  const box = h("div.stack");
  const kinds = tablesOf(answer);
  const said = { table: kinds.includes(state.table) ? state.table : kinds[0] };
  const draw = () => fill(box, resultTable(shown, said.table));
  const choose = () => {
    state.table = said.table;
    follow(draw);
  };
  draw();
  return h(
    "div.card",
    h(
      "div.cards",
      select(
        "Table",
        kinds.map(kind => [kind, `By ${kind}`]),
        said,
        "table",
        choose,
      ),
    ),
    box,
  );
}

// The numbers of a row: [head, value(row), format, place(row)].
function columnsOf({ answer: { compare, format }, definition: { name = "Value", terms } }) {
  const compared = compare
    ? [
        [
          COMPARISONS[compare.kind],
          row => row.compare?.value,
          format,
          ({ compare: before }) => ({
            compared: true,
            ...(before?.start && { bucket: before.start }),
          }),
        ],
        ["Change", row => change(row.value, row.compare?.value, format)],
      ]
    : [];
  return [
    [name, ({ value }) => value, format, () => ({})],
    ...compared,
    ...(terms.length > 1 ? terms : []).map(({ key, event }) => [
      `${key}: ${event}`,
      row => row.terms[key],
      null,
      () => ({ term: key }),
    ]),
  ];
}

function resultTable(shown, kind) {
  const [first, rows] = ROWS_BY[kind](shown.answer);
  const columns = [
    [first, "title"],
    ...columnsOf(shown).map(([head, value, format, place]) => [
      `#${cut(head, 40)}`,
      row =>
        place
          ? evidence(shown, value(row), format, `${row.title}: ${head}`, {
              ...row.place,
              ...place(row),
            })
          : h("span.delta", value(row)),
    ]),
  ];
  const box = h("div.stack");
  const draw = list => table(`Values by ${kind}`, columns, list);
  return fill(
    box,
    draw(rows.slice(0, ROWS)),
    rows.length > ROWS && button(`Show all ${rows.length} rows`, () => fill(box, draw(rows))),
  );
}

// All tables as a file; beside a time also the values of the groups.
function csv(shown) {
  const { answer } = shown;
  const columns = columnsOf(shown);
  const groups = answer.breakdown ? seriesOf(shown) : [];
  const heads = [
    "Table",
    "Row",
    "Start",
    "End",
    "Complete",
    ...columns.map(([head]) => head),
    ...groups.map(({ name }) => name),
  ];
  const line = kind => row => [
    `By ${kind}`,
    row.title,
    row.start,
    row.end,
    row.complete,
    ...columns.map(([, value]) => value(row)),
    ...(row.groups ?? []),
  ];
  const lines = tablesOf(answer).flatMap(kind => ROWS_BY[kind](answer)[1].map(line(kind)));
  return [heads, ...lines].map(cells => cells.map(csvCell).join(",")).join("\r\n");
}

// A text that a spreadsheet would take for a formula gets an apostrophe.
function csvCell(value) {
  const text = `${typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
