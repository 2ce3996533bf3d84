// The table of a dashboard: a row a location, a column a metric.

import { get } from "./api.js";
import { changeMark } from "./calculation.js";
import { statusOf, targetNumber } from "./card.js";
import { csv, plainHead } from "./csv.js";
import { button, fill, h, hint, link, refill } from "./dom.js";
import { ago, changeAmount, count, number } from "./format.js";
import { queryOf, RANGE, withRange } from "./range.js";
import { download, fileName } from "./snippet.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

const ALL = "All locations";

/**
 * A row: `numbers` are its cells {value, compare, target}, one a metric; the first row is that of all locations.
 * @typedef {{title: string, location_id?: string, last_event_at?: string, numbers: object[]}} Row
 */

/** @implements {Board} of dashboard.js */
export class LocationTable {
  /** `sort` is the index of a column, with a minus where it descends. */
  defaults = { ...RANGE, sort: "" };
  updatedAt = null;

  /** @param {() => void} keepState puts the state into the address */
  constructor({ dashboard_id: id, name }, keepState) {
    this.id = id;
    this.name = name;
    this.keepState = keepState;
    this.loader = loader();
    this.element = h("div.card", this.loader.box);
  }

  calculate(state, { isQuiet } = {}) {
    this.state = state;
    const { interval: _, ...query } = queryOf(state); // there are no buckets
    const request = signal => get(`/dashboards/v1/${this.id}/locations`, query, signal);
    const draw = answer => {
      this.updatedAt = Date.now();
      return this.content(answer);
    };
    if (isQuiet) this.loader.refresh(request, draw);
    else this.loader.load(request, draw);
  }

  // New numbers of the same rows and columns go into the table that is there, which may be scrolled, or have the focus.
  content(answer) {
    const { locations, metrics, total } = answer;
    if (!locations.length) return empty("No locations yet", "The first event brings its location.");
    this.answer = answer;
    const rows = [
      { title: ALL, numbers: total },
      ...locations.map(location => ({ ...location, title: location.name ?? location.location_id })),
    ];
    const shape = JSON.stringify([metrics, locations.map(each => [each.location_id, each.name])]);
    if (shape === this.shape) this.update(rows);
    else this.build(rows, metrics);
    this.shape = shape;
    this.sort();
    return this.parts;
  }

  build(rows, metrics) {
    const nameColumn = { head: "Location", cell: row => this.nameOf(row), value: titleOf };
    this.columns = [nameColumn, ...metrics.map(metricColumn), seenColumn];
    this.scroll = table(
      "Metrics by location",
      this.columns.map((column, index) => ({ ...column, head: this.sortButton(column, index) })),
      rows,
    );
    this.scroll.classList.add("tall");
    const elements = [...this.scroll.querySelectorAll("tbody tr")];
    this.rows = rows.map((row, index) => ({ row, element: elements[index] }));
    this.parts = [
      h(
        "div.table-head",
        hint(count(rows.length - 1, "location")),
        button("Download CSV", () => this.save(), "small"),
      ),
      this.scroll,
      problems(metrics),
    ];
  }

  update(rows) {
    const byId = new Map(rows.map(row => [row.location_id, row]));
    for (const each of this.rows) {
      each.row = byId.get(each.row.location_id);
      this.columns.slice(1).forEach(({ cell }, index) => {
        fill(each.element.cells[index + 1], cell(each.row));
      });
    }
  }

  // Leads to the cards of this location alone.
  nameOf({ title, location_id: id }) {
    if (!id) return h("b", title);
    return link(title, withRange(`#/dashboard/${this.id}`, { ...this.state, locations: id }));
  }

  // Sorting

  sortButton({ head }, index) {
    const sort = () => {
      this.state.sort = this.nextSort(index);
      this.keepState();
      this.sort();
    };
    return button([head, h("span.sign", { "aria-hidden": "true" })], sort, "inline");
  }

  // Names begin with A, numbers with the largest.
  nextSort(index) {
    const { column, isDescending } = this.order();
    const isUp = index === column ? isDescending : index === 0;
    return isUp ? `${index}` : `-${index}`;
  }

  // All locations together stay above each.
  sort() {
    const { column, isDescending } = this.order();
    const { value } = this.columns[column];
    const sign = isDescending ? -1 : 1;
    const [whole, ...rows] = this.rows;
    rows.sort(({ row: one }, { row: other }) => compare(value(one), value(other), sign));
    this.rows = [whole, ...rows];
    refill(
      this.scroll.querySelector("tbody"),
      this.rows.map(({ element }) => element),
    );
    [...this.scroll.querySelectorAll("thead th")].forEach((head, index) => {
      const isSorted = index === column;
      const direction = isDescending ? "descending" : "ascending";
      head.ariaSort = isSorted ? direction : null;
      const arrow = isDescending ? " ▼" : " ▲";
      fill(head.querySelector(".sign"), isSorted && arrow);
    });
  }

  order() {
    const column = Math.abs(Number(this.state.sort || 0));
    const isKnown = column in this.columns;
    return { column: isKnown ? column : 0, isDescending: isKnown && /^-/.test(this.state.sort) };
  }

  // As a file: what is on show, with numbers and times that a program can read.
  save() {
    const columns = fileColumns(this.answer);
    const line = row => [
      row.title,
      row.location_id,
      row.last_event_at,
      ...columns.map(({ value }) => value(row)),
    ];
    const heads = [
      "Location",
      "location_id",
      "Last event seen",
      ...columns.map(({ head }) => head),
    ];
    const name = fileName(`${this.name} by location`);
    download(`${name}.csv`, "text/csv", csv([heads, ...this.rows.map(({ row }) => line(row))]));
  }
}

const titleOf = ({ title }) => title;

const metricColumn = ({ name, format }, index) => ({
  head: name,
  isNumber: true,
  value: ({ numbers }) => numbers[index].value,
  cell: ({ numbers }) => cellContent(numbers[index], format),
});

const seenColumn = {
  head: "Last event seen",
  value: ({ last_event_at: at }) => at ?? null,
  cell: ({ location_id: id, last_event_at: at }) => {
    if (!id) return "";
    return at ? ago(at) : "never";
  },
};

// What has no value comes last, in whichever order.
function compare(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "string") return sign * one.localeCompare(other);
  return sign * (one - other);
}

function cellContent({ value, compare: earlier, target }, format) {
  return [
    h("div", number(value, format)),
    earlier && h("div.note", changeMark(value, earlier.value, format, target?.better)),
    target && targetText(target, format),
  ];
}

function targetText(target, format) {
  const { value, share, status } = target;
  if (value === null) return null;
  const of = `of ${targetNumber(value, format)}`;
  const told = share === null ? of : `${number(share, { style: "percent" })} ${of}`;
  if (!status) return h("div.note.hint", told);
  const [sign, words, kind] = statusOf(target);
  return [h("div.note.hint", told), h(`div.note.${kind}`, `${sign} ${words}`)];
}

const problems = metrics =>
  metrics
    .filter(({ problem }) => problem)
    .map(({ name, problem }) => hint(`${name} could not be calculated: ${problem.detail}`));

// Each metric's value, and where there are any, its change and its target.
function fileColumns({ metrics, total }) {
  return metrics.flatMap(({ name, format }, index) => {
    const cell = ({ numbers }) => numbers[index];
    const isPercent = format?.style === "percent";
    const { compare: earlier, target } = total[index];
    return [
      { head: plainHead(name, format), value: row => cell(row).value },
      earlier && {
        head: `${name}: change in ${isPercent ? "points" : "%"}`,
        value: row => changeAmount(cell(row).value, cell(row).compare?.value, format),
      },
      target && {
        head: plainHead(`${name}: target`, format),
        value: row => cell(row).target?.value,
      },
    ].filter(Boolean);
  });
}
