// Tables.

import { h } from "./dom.js";

/**
 * A column. `cell` is the row's key, or makes the cell's content; numbers are aligned to the right.
 * @typedef {{head: string, cell: string | ((row: object) => any), isNumber?: boolean}} Column
 */

/**
 * A table in a box that scrolls; the first column names the row.
 * @param {string} caption names the table to screen readers
 * @param {(Column | null | false)[]} columns those that are nothing are left out
 * @param {object[]} rows
 * @param [nothing] what is shown without rows
 */
export function table(caption, columns, rows, nothing) {
  if (!rows.length) return nothing;
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": caption },
    plainTable(caption, columns, rows),
  );
}

/** The same without a box. */
export function plainTable(caption, columns, rows) {
  const present = columns.filter(Boolean);
  return h(
    "table",
    h("caption.hidden", caption),
    h("thead", h("tr", present.map(headCell))),
    h(
      "tbody",
      rows.map(row =>
        h(
          "tr",
          present.map((column, index) => bodyCell(column, row, index === 0)),
        ),
      ),
    ),
  );
}

const headCell = ({ head, isNumber }) =>
  h("th", { scope: "col", class: isNumber && "number" }, head);

function bodyCell({ cell, isNumber }, row, isFirst) {
  const content = typeof cell === "string" ? (row[cell] ?? "–") : cell(row);
  const attributes = {
    scope: isFirst && "row",
    class: isNumber && "number",
  };
  return h(isFirst ? "th" : "td", attributes, content);
}
