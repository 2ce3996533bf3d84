// A shared dashboard as a file.

import { drawnBuckets, groupName } from "./calculation.js";
import { csv, plainHead, startText } from "./csv.js";
import { dayOf } from "./format.js";
import { download, fileName } from "./snippet.js";

const HEADS = ["Metric", "Location", "Group", "Time", "Value", "Compared with", "In progress"];

/** Saves a row for each number on show. @param {{name: string, cards: object[]}} dashboard @param {object[]} found its cards */
export function saveReport({ name, cards }, found) {
  const lines = found
    .filter(({ data }) => data)
    .flatMap(({ card, data }) =>
      rowsOf(data).map(row => [plainHead(cards[card].name, data.format), ...row]),
    );
  download(`${fileName(name)}.csv`, "text/csv", csv([HEADS, ...lines]));
}

function rowsOf(data) {
  const { total, compare, breakdown, locations = [] } = data;
  const whole = wholeText(data);
  const row = (location, group, each) => [
    location,
    group,
    whole,
    each.value,
    each.compare?.value,
    total.complete && !total.maturing ? "no" : "yes",
  ];
  const groups = breakdown?.groups ?? [];
  return [
    row("", "", { value: total.value, compare: compare?.total }),
    ...locations.map(each => row(each.name, "", each)),
    ...groups.map(each => row("", groupName(each, data), each)),
    ...bucketRows("", data.buckets, data),
    ...groups.flatMap(each => bucketRows(groupName(each, data), each.buckets, data)),
  ];
}

function wholeText({ from, to, timezone }) {
  const last = new Date(Math.max(new Date(from), new Date(to) - 1));
  return `${dayOf(from, timezone)} to ${dayOf(last, timezone)}`;
}

// Those that have begun; a range of one bucket is the whole.
function bucketRows(group, buckets, { interval, timezone, calculated_at: now }) {
  if (buckets.length < 2) return [];
  return drawnBuckets(buckets)
    .filter(({ start, value }) => start <= now || value !== null)
    .map(({ start, value, compare, complete }) => [
      "",
      group,
      startText(start, interval, timezone),
      value,
      compare?.value,
      complete ? "no" : "yes",
    ]);
}
