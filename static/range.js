// The range that metrics are calculated over.

import { withState } from "./address.js";
import { findLocation, locations, session } from "./api.js";
import { locationsField, zoneField } from "./choices.js";
import { COMPARISONS, DEFAULT_DATES, dateFields, daysOf, intervalFor } from "./dates.js";
import { button, fill, h, link, newId } from "./dom.js";
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

/** That of a metric's view; `dashboard` is the one that it was opened from. */
export const METRIC_STATE = { ...RANGE, by: "", chart: "line", table: "", dashboard: "" };

// The chart with which a metric's view shows what a card does: there groups are stacked where they add up.
const METRIC_CHARTS = { bar: "bar", stacked: "bar" };

/** The part of a metric's state that looks as a card does. */
export const viewOfCard = ({ chart, interval, breakdown }) => ({
  chart: METRIC_CHARTS[chart] ?? METRIC_STATE.chart,
  by: breakdown ?? "",
  ...(interval && { interval }),
});

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

/** Links to views over the same range, also after it was changed. */
export class StateLinks {
  addresses = new Map(); // by link: a function of the state

  constructor(state) {
    this.state = state;
  }

  /** @param {(state: object) => string} address */
  make(label, address, kind) {
    const anchor = link(label, address(this.state), kind);
    this.addresses.set(anchor, address);
    return anchor;
  }

  follow() {
    for (const [anchor, address] of this.addresses) anchor.href = address(this.state);
  }
}

// The controls

/**
 * The controls of a range, which they change, and the range in words. Locations and dates are in sight, the others behind
 * Options, which says how many of them are not as they are by default.
 * @param {object} range
 * @param {() => void} changed
 * @param {{beside?: (changed: () => void) => any, options?: (changed: () => void) => any, defaults?: object,
 *   note?: HTMLElement}} [others] controls of the view, which stand in sight and behind Options; `defaults` is the state of
 *   the latter; `note` stands beside the range in words
 */
export function rangeBar(range, changed, { beside, options, defaults, note } = {}) {
  const words = h("p.hint.words");
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
    h("div.range-line", words, more.opener, note),
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
