// The starts behind a number of a term with `then`, as a file: whom to call.

import { locationName, post } from "./api.js";
import { csv } from "./csv.js";
import { toast } from "./notices.js";
import { download, fileName } from "./snippet.js";

const PAGE = 500;
const ROWS_MOST = 10_000;

const COLUMNS = [
  { head: "Contact", value: ({ contact }) => contact.name },
  { head: "contact_id", value: ({ contact_id }) => contact_id },
  { head: "Phone", value: ({ contact }) => contact.phone },
  { head: "Email", value: ({ contact }) => contact.email },
  { head: "Location", value: ({ location_id }) => locationName(location_id) },
  { head: "Event", value: ({ event_name }) => event_name },
  { head: "Time", value: ({ timestamp }) => timestamp },
  { head: "Outcome", value: ({ then }) => then.outcome.replace("_", " ") },
  { head: "After (seconds)", value: ({ then }) => then.seconds },
  { head: "Followed at", value: ({ then }) => then.event?.timestamp },
];

/**
 * Saves all of them, up to 10,000. Throws the API's Problem.
 * @param {object} body what is asked of POST /metrics/v1/events @param {string} what names the file
 */
export async function saveStarts(body, what) {
  const rows = [];
  let cursor;
  do {
    const page = await post("/metrics/v1/events", { ...body, limit: PAGE, cursor });
    rows.push(...page.events);
    cursor = page.next ?? undefined;
  } while (cursor && rows.length < ROWS_MOST);
  const lines = rows.map(row => COLUMNS.map(({ value }) => value(row)));
  const name = fileName(`${body.metric.name ?? "metric"} ${what}`);
  download(`${name}.csv`, "text/csv", csv([COLUMNS.map(({ head }) => head), ...lines]));
  if (cursor) toast(`The file has the first ${rows.length.toLocaleString()} of them`);
}
