// Tables as files of comma-separated values.

import { clock, dayOf, isDuration } from "./format.js";

// Excel takes a file without it for Windows-1252.
const BYTE_ORDER_MARK = "\ufeff";

/** The head of a column of plain numbers, with their unit. @param {Format} [format] of format.js */
export const plainHead = (head, format) => (isDuration(format) ? `${head} (seconds)` : head);

// What a spreadsheet would calculate, or shorten as a number
const SPREADSHEET_VALUE =
  /^([=+\-@\t\r\n＝＋－＠]|(0[0-9]+|[0-9]{16,}|[0-9]+(\.[0-9]+)?E[+-]?[0-9]+)$)/i;

// A text that a spreadsheet would change gets an apostrophe.
function csvCell(value) {
  const isChanged = typeof value === "string" && SPREADSHEET_VALUE.test(value);
  const text = `${isChanged ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of texts and numbers, the heads among them, as the text of a file. @param {(string | number | null)[][]} rows */
export const csv = rows =>
  BYTE_ORDER_MARK + rows.map(cells => cells.map(csvCell).join(",")).join("\r\n");

/** The day or the hour on which a bucket begins, in the zone; such as 2026-01-31 and 2026-01-31 09:00. */
export function startText(start, interval, zone) {
  const hour = clock(start, zone).hour.padStart(2, "0");
  return `${dayOf(start, zone)}${interval === "hour" ? ` ${hour}:00` : ""}`;
}
