// The range that metrics are calculated over.

import { withState } from "./address.js";
import { findLocation, locations, session } from "./api.js";
import { locationsField, zoneField } from "./choices.js";
import { COMPARISONS, DEFAULT_DATES, dateFields, daysOf, intervalFor } from "./dates.js";
import { button, fill, h, hint, newId } from "./dom.js";
import { selectField } from "./fields.js";
import { dayOf, isZone, span } from "./format.js";

const INTERVALS = {
  "": "Automatic",
  total: "Whole range",
  hour: "Hour",
  day: "Day",
  week: "Week",
  month: "Month",
};

// What stands behind Options.
const OPTIONS = { interval: "", compare: "previous_period", zone: "" };

/** The state of a range, as an address has it. */
export const RANGE = { locations: "", range: DEFAULT_DATES, ...OPTIONS };

const locationIds = range => String(range.locations).split(",").filter(Boolean);

/** The API's query of a range, without a metric. */
export function queryOf(range) {
  const ids = locationIds(range);
  const timezone = zoneOf(range, ids);
  const { from, to } = daysOf(range.range, dayOf(Date.now(), timezone));
  const query = {
    locations: ids.length ? ids : "all",
    from,
    to,
    interval: range.interval || intervalFor(from, to),
    timezone,
  };
  if (range.compare !== "none") query.compare = range.compare;
  return query;
}

// The chosen zone, the only location's, or the server's.
function zoneOf(range, ids) {
  if (isZone(range.zone)) return range.zone;
  const queried = ids.length ? ids : locations.map(({ location_id }) => location_id);
  const only = queried.length === 1 ? findLocation(queried[0]) : null;
  return only?.timezone || session.timezone;
}

export const withRange = (address, range) => withState(address, range, RANGE);

// The controls

/**
 * The controls of a range, which they change, and the range in words. Locations and dates are in sight, the others behind
 * Options, which says how many of them are not as they are by default.
 * @param {object} range
 * @param {() => void} changed
 * @param {{beside?: (changed: () => void) => any, options?: (changed: () => void) => any, defaults?: object}} [others]
 *   controls of the view, which stand in sight and behind Options; `defaults` is the state of the latter
 */
export function rangeBar(range, changed, { beside, options, defaults } = {}) {
  const words = hint();
  const more = moreControls(range, { ...OPTIONS, ...defaults });
  const follow = () => {
    fill(words, rangeWords(range));
    more.showChanges();
    changed();
  };
  range.locations = locationIds(range);
  fill(words, rangeWords(range));
  fill(
    more.panel,
    selectField("Interval", {
      choices: INTERVALS,
      state: range,
      name: "interval",
      changed: follow,
    }),
    selectField("Compare with", {
      choices: COMPARISONS,
      state: range,
      name: "compare",
      changed: follow,
    }),
    zoneField({ state: range, name: "zone", changed: follow }),
    options?.(follow),
  );
  return h(
    "div.range",
    { role: "group", "aria-label": "Range" },
    locationsField({ state: range, changed: follow, placeholder: "All locations" }),
    dateFields(range, () => queryOf(range), follow),
    beside?.(follow),
    h("div.range-line", words, more.opener),
    more.panel,
  );
}

// A panel that a button opens, and showChanges(), which puts onto the button how many controls are not at their default.
function moreControls(state, defaults) {
  const panel = h("div.more", { id: newId(), hidden: true });
  const opener = button("", toggle, "small options");
  opener.setAttribute("aria-controls", panel.id);
  opener.ariaExpanded = "false";
  showChanges();
  return { opener, panel, showChanges };

  function toggle() {
    panel.hidden = !panel.hidden;
    opener.ariaExpanded = String(!panel.hidden);
  }

  function showChanges() {
    const changes = Object.entries(defaults).filter(([name, value]) => state[name] !== value);
    const sign = h("span.badge", `${changes.length}`, h("span.hidden", " changed"));
    fill(opener, "Options ", changes.length > 0 && sign);
  }
}

// The days, their zone, and what they are compared with.
function rangeWords(range) {
  const { from, to, timezone, compare } = queryOf(range);
  const days = span(from, to, "UTC"); // a date is read as its midnight there
  const compared = compare && ` · compared with the ${COMPARISONS[compare].toLowerCase()}`;
  return [`${days} · ${timezone}`, compared];
}
