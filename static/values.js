// A metric's numbers as tables: by group, by time, by location; and all of them as a file.

import { locationName } from "./api.js";
import { isShown, valuesOf } from "./calculation.js";
import { fieldName } from "./definition.js";
import { button, fill, h } from "./dom.js";
import { cut } from "./events.js";
import { evidenceNumber } from "./evidence.js";
import { selectField } from "./fields.js";
import { bucketName, change } from "./format.js";
import { COMPARISONS } from "./range.js";
import { table } from "./table.js";

const FIRST_ROWS = 100; // until all are shown
const HEAD_CHARACTERS = 40;

/** Which events a group of a breakdown has. */
export const groupSelection = ({ key, other }) => ({ group: other ? { other } : { key } });

function groupName({ key, other }, by) {
  if (other) return "Other";
  if (key === null) return "(none)";
  return by === "location" ? locationName(key) : key;
}

/** The lines of a chart: the groups of a breakdown, or else the metric. @returns {{name: string, values: number[]}[]} */
export function seriesOf({ answer: { breakdown, buckets }, definition: { name = "Value" } }) {
  if (!breakdown) return [{ name, values: valuesOf(buckets) }];
  return breakdown.groups.map(group => ({
    name: groupName(group, breakdown.by),
    values: valuesOf(group.buckets),
  }));
}

// Rows: {title, value, terms, compare} as the API gives them, and `selection`, which events they count

function timeRows(answer) {
  const { breakdown, buckets, total, compare, interval, timezone, from, to } = answer;
  const whole = {
    ...total,
    start: from,
    end: to,
    title: "Whole range",
    compare: compare?.total,
    selection: {},
    groups: breakdown?.groups.map(({ value }) => value),
  };
  const bucketRows = buckets.map((bucket, index) => ({
    ...bucket,
    title: `${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (in progress)"}`,
    selection: { bucket: bucket.start },
    groups: breakdown?.groups.map(group => group.buckets[index].value),
  }));
  return [whole, ...bucketRows.filter(bucket => isShown(bucket, answer)).reverse()];
}

const locationRows = ({ locations }) =>
  locations
    .toSorted((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity))
    .map(location => ({
      ...location,
      title: location.name ?? location.location_id,
      selection: { locations: [location.location_id] },
    }));

const groupRows = ({ breakdown: { by, groups } }) =>
  groups.map(group => ({
    ...group,
    title: groupName(group, by),
    selection: groupSelection(group),
  }));

const TABLES = {
  group: {
    head: ({ breakdown }) => cut(fieldName(breakdown.by), HEAD_CHARACTERS),
    rows: groupRows,
  },
  time: { head: () => "Time", rows: timeRows },
  location: { head: () => "Location", rows: locationRows },
};

const tableKinds = ({ breakdown }) => (breakdown ? Object.keys(TABLES) : ["time", "location"]);

// Columns

/**
 * The numbers of a row. Those with a `selection` show their events; it narrows that of the row.
 * @returns {{head: string, value: (row) => number | string, format?: object, selection?: (row) => object}[]}
 */
function numberColumns({ answer: { compare, format }, definition: { name = "Value", terms } }) {
  const ownColumn = { head: name, value: row => row.value, format, selection: () => ({}) };
  const comparedColumns = compare ? comparisonColumns(compare, format) : [];
  const termColumns = terms.map(({ key, event }) => ({
    head: `${key}: ${event}`,
    value: row => row.terms[key],
    selection: () => ({ term: key }),
  }));
  return [ownColumn, ...comparedColumns, ...(terms.length > 1 ? termColumns : [])];
}

const comparisonColumns = ({ kind }, format) => [
  {
    head: COMPARISONS[kind],
    value: row => row.compare?.value,
    format,
    selection: ({ compare }) => {
      const selection = { compared: true };
      if (compare?.start) selection.bucket = compare.start;
      return selection;
    },
  },
  { head: "Change", value: row => change(row.value, row.compare?.value, format) },
];

const tableColumn = (result, { head, value, format, selection }) => ({
  head: cut(head, HEAD_CHARACTERS),
  isNumber: true,
  cell: row => {
    if (!selection) return h("span.delta", value(row));
    return evidenceNumber(result, {
      value: value(row),
      format,
      title: `${row.title}: ${head}`,
      selection: { ...row.selection, ...selection(row) },
    });
  },
});

// Tables

/** The card of tables, with the choice between them. */
export function valueTables(result) {
  const { answer, state, stateChanged } = result;
  const kinds = tableKinds(answer);
  const choice = { table: kinds.includes(state.table) ? state.table : kinds[0] };
  const box = h("div.stack");
  const draw = () => fill(box, valueTable(result, choice.table));
  const changed = () => {
    state.table = choice.table;
    stateChanged(draw);
  };
  const choices = kinds.map(kind => ({ value: kind, text: `By ${kind}` }));
  const choiceField = selectField("Table", { choices, state: choice, name: "table", changed });
  draw();
  return h("div.card", h("div.cards", choiceField), box);
}

function valueTable(result, kind) {
  const { head, rows: rowsOf } = TABLES[kind];
  const rows = rowsOf(result.answer);
  const columns = [
    { head: head(result.answer), cell: "title" },
    ...numberColumns(result).map(column => tableColumn(result, column)),
  ];
  const box = h("div.stack");
  const draw = someRows => table(`Values by ${kind}`, columns, someRows);
  const showAll = button(`Show all ${rows.length} rows`, () => fill(box, draw(rows)));
  return fill(box, draw(rows.slice(0, FIRST_ROWS)), rows.length > FIRST_ROWS && showAll);
}

// As a file

/** All tables as CSV; beside a time stand also the values of the groups. */
export function valuesCsv(result) {
  const { answer } = result;
  const columns = numberColumns(result);
  const groups = answer.breakdown ? seriesOf(result) : [];
  const heads = [
    "Table",
    "Row",
    "Start",
    "End",
    "Complete",
    ...columns.map(({ head }) => head),
    ...groups.map(({ name }) => name),
  ];
  const lines = tableKinds(answer).flatMap(kind =>
    TABLES[kind].rows(answer).map(row => csvCells(kind, row, columns)),
  );
  const text = [heads, ...lines].map(cells => cells.map(csvCell).join(",")).join("\r\n");
  return BYTE_ORDER_MARK + text;
}

const csvCells = (kind, row, columns) => [
  `By ${kind}`,
  row.title,
  row.start,
  row.end,
  row.complete,
  ...columns.map(({ value }) => value(row)),
  ...(row.groups ?? []),
];

// Excel takes a file without it for Windows-1252.
const BYTE_ORDER_MARK = "\ufeff";

// What a spreadsheet would calculate, or shorten as a number
const SPREADSHEET_VALUE =
  /^([=+\-@\t\r\n＝＋－＠]|(0[0-9]+|[0-9]{16,}|[0-9]+(\.[0-9]+)?E[+-]?[0-9]+)$)/i;

// A text that a spreadsheet would change gets an apostrophe.
function csvCell(value) {
  const isChanged = typeof value === "string" && SPREADSHEET_VALUE.test(value);
  const text = `${isChanged ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
