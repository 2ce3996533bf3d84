// A metric's numbers as tables: by group, by time, by location; and the one on show as a file.

import { drawnBuckets, groupName, isShown, maturingOf, soFarText } from "./calculation.js";
import { csv, plainHead, startText } from "./csv.js";
import { COMPARISONS } from "./dates.js";
import { fieldName, isProperty, usualFormat } from "./definition.js";
import { button, fill, h } from "./dom.js";
import { evidenceNumber } from "./evidence.js";
import { selectField } from "./fields.js";
import { bucketName, capitalized, change, changeAmount, cut } from "./format.js";
import { download, fileName } from "./snippet.js";
import { table } from "./table.js";

const FIRST_ROWS = 100; // until all are shown
const HEAD_CHARACTERS = 40;

/** Which events a group of a breakdown has. */
export const groupSelection = ({ key, other }) => ({ group: other ? { other } : { key } });

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
    groups: breakdown?.groups,
  };
  if (buckets.length === 1) return [whole];
  const bucketRows = drawnBuckets(buckets).map((bucket, index) => ({
    ...bucket,
    title: `${bucketName(bucket, interval, timezone)}${bucket.complete ? "" : " (in progress)"}`,
    selection: { bucket: bucket.start },
    groups: breakdown?.groups.map(group => group.buckets[index]),
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

const groupRows = answer =>
  answer.breakdown.groups.map(group => ({
    ...group,
    title: groupName(group, answer),
    selection: groupSelection(group),
  }));

const byName = by => (by === "location" ? "location" : fieldName(by));

// `rowName` is what names a row in a file, where that is not its title.
const TABLES = {
  group: {
    name: ({ breakdown }) => byName(breakdown.by),
    rows: groupRows,
  },
  time: { name: () => "time", rows: timeRows, rowName: timeText },
  location: { name: () => "location", rows: locationRows },
};

// The key of a property is written as it is.
function headOf(kind, answer) {
  const isKey = kind === "group" && isProperty(answer.breakdown.by);
  const name = TABLES[kind].name(answer);
  return isKey ? name : capitalized(name);
}

// No two that say the same.
function tableKinds({ breakdown, locations }) {
  const kinds = breakdown ? ["group", "time"] : ["time"];
  const isByLocation = breakdown?.by === "location";
  return isByLocation || locations.length < 2 ? kinds : [...kinds, "location"];
}

// Columns

/**
 * The numbers of a row. Those with a `selection` show their events; it narrows that of the row. A column that shows its
 * numbers in words has them as numbers under `file`, and `without` makes what is shown where there is none.
 * @returns {{head: string, value: (row) => number | string, format?: object, selection?: (row) => object, without?: (row) => any,
 *   file?: {head: string, value: (row) => number}}[]}
 */
function numberColumns({ answer, definition: { name = "Value", terms } }, kind) {
  const { compare, format, breakdown } = answer;
  const ownColumn = {
    head: name,
    value: row => row.value,
    format,
    selection: () => ({}),
    without: row => row.maturing && h("span.hint", soFarText(maturingOf(row))),
  };
  const comparedColumns = compare ? comparisonColumns(compare, format) : [];
  const columns = [ownColumn, ...comparedColumns];
  if (kind === "time" && breakdown) return [...columns, ...groupColumns(answer)];
  return terms.length > 1 ? [...columns, ...termColumns(terms)] : columns;
}

const termColumns = terms =>
  terms.map(term => ({
    head: `${term.key}: ${term.event}`,
    value: row => row.terms[term.key],
    format: term.then && usualFormat(term),
    selection: () => ({ term: term.key }),
  }));

const groupColumns = answer =>
  answer.breakdown.groups.map((group, index) => ({
    head: groupName(group, answer),
    value: row => row.groups[index].value,
    format: answer.format,
    selection: () => groupSelection(group),
  }));

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
  {
    head: "Change",
    value: row => change(row.value, row.compare?.value, format),
    file: {
      head: format?.style === "percent" ? "Change in points" : "Change in %",
      value: row => changeAmount(row.value, row.compare?.value, format),
    },
  },
];

const tableColumn = (result, { head, value, format, selection, without }) => ({
  head: cut(head, HEAD_CHARACTERS),
  isNumber: true,
  cell: row => {
    if (!selection) return h("span.delta", value(row));
    const instead = value(row) === null && without?.(row);
    if (instead) return instead;
    return evidenceNumber(result, {
      value: value(row),
      format,
      title: `${row.title}: ${head}`,
      selection: { ...row.selection, ...selection(row) },
    });
  },
});

// Tables

/** The card of tables, with the choice between them, and the one on show as a file. */
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
  const title = kind => `By ${cut(TABLES[kind].name(answer), HEAD_CHARACTERS)}`;
  const choices = kinds.map(kind => ({ value: kind, text: title(kind) }));
  const choiceField =
    kinds.length > 1
      ? selectField("Table", { choices, state: choice, name: "table", changed })
      : h("h2", title(choice.table));
  const save = () => {
    const name = fileName(`${result.definition.name ?? "metric"} ${title(choice.table)}`);
    download(`${name}.csv`, "text/csv", valuesCsv(result, choice.table));
  };
  draw();
  return h(
    "div.card",
    h("div.table-head", choiceField, button("Download CSV", save, "small")),
    box,
  );
}

function valueTable(result, kind) {
  const { rows: rowsOf } = TABLES[kind];
  const rows = rowsOf(result.answer);
  const columns = [
    { head: cut(headOf(kind, result.answer), HEAD_CHARACTERS), cell: "title" },
    ...numberColumns(result, kind).map(column => tableColumn(result, column)),
  ];
  const box = h("div.stack");
  const draw = someRows => table(`Values by ${kind}`, columns, someRows);
  const showAll = button(`Show all ${rows.length} rows`, () => fill(box, draw(rows)));
  return fill(box, draw(rows.slice(0, FIRST_ROWS)), rows.length > FIRST_ROWS && showAll);
}

// As a file

// A table as CSV: what is on show, with numbers and days that a program can read.
function valuesCsv(result, kind) {
  const { answer } = result;
  const { rows, rowName = ({ title }) => title } = TABLES[kind];
  const columns = numberColumns(result, kind).map(column => column.file ?? column);
  const isByTime = kind === "time";
  const heads = [
    headOf(kind, answer),
    ...columns.map(({ head, format }) => plainHead(head, format)),
    ...(isByTime ? ["In progress"] : []),
  ];
  const lines = rows(answer).map(row => [
    rowName(row, answer),
    ...columns.map(({ value }) => value(row)),
    ...(isByTime ? [row.complete ? "no" : "yes"] : []),
  ]);
  return csv([heads, ...lines]);
}

function timeText({ start, title, selection }, { interval, timezone }) {
  if (!selection.bucket) return title; // the whole range
  return startText(start, interval, timezone);
}
