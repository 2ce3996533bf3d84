// The page of a shared dashboard: its numbers, or in words why there are none. It knows no key but its link's, and keeps
// nothing.

import { changeMark } from "./calculation.js";
import { cardContent } from "./card.js";
import { COMPARISONS, DEFAULT_DATES, dateFields, daysOf, intervalFor } from "./dates.js";
import { actions, button, fill, h, hint } from "./dom.js";
import { selectField } from "./fields.js";
import { ago, count, dayOf, number, span, time } from "./format.js";
import { request } from "./request.js";
import { table } from "./table.js";

const REFRESH_MS = 60_000;
const LOOK_MS = 5000; // so often it looks whether it is time, and tries again after a failure
const ENDED = [401, 403];
const SHOWN_LOCATIONS = 6; // by their names
const COLOUR = /^#[0-9a-f]{6}$/;
const TOKEN = /[\w-]+/; // a blank or more may have come behind it where it was pasted

const main = document.getElementById("main");

// The link: /share/<id>#<token>. Where the # was encoded it is in the path, and where fragments are lost, in ?token=.

function readLink() {
  const path = decoded(location.pathname).replace(/^\/+share\/*/i, "");
  const [id, encoded] = path.split("#");
  const asked = new URLSearchParams(location.search).get("token");
  const found = decoded(location.hash.slice(1)) || encoded || asked || "";
  return { id, token: TOKEN.exec(found)?.[0] ?? "" };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Why there is nothing to ask for, or null.
function endingOf({ id, token }) {
  const isMergeField = id === "" || id.includes("{{"); // that the CRM had nothing for
  if (isMergeField) return "unfilled";
  const state = document.documentElement.dataset.link; // the server's word
  if (state !== "works") return state;
  return token ? null : "incomplete";
}

const showEnding = async name => (await import("./endings.js")).showEnding(main, name);

// The dashboard, as its viewers see it

class Dashboard {
  current = null; // what the link shows, as the API answers it
  range = { range: DEFAULT_DATES, compare: "previous_period" };
  cards = []; // {box, text, found}: where a card's numbers stand, and which
  updatedAt = null; // milliseconds UTC
  nextAt = 0; // by performance.now()
  pending = new AbortController();

  words = hint();
  updated = h("p.hint.updated");
  printed = h("p.hint.printed");
  trouble = h("div", { role: "status" });
  list = h("div.cards");
  byLocation = h("div.stack");

  constructor(token) {
    this.token = token;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.look());
    this.refresh();
  }

  // Whatever is asked for, it may be the first to hear that the link has ended.
  async get(path, query, signal) {
    try {
      return await request("GET", `/shares/v1/current${path}`, { key: this.token, query, signal });
    } catch (error) {
      if (ENDED.includes(error.status)) this.end(error.code);
      throw error;
    }
  }

  /** What is asked for. Where viewers choose no dates, the server does. */
  query() {
    const { compare } = this.range;
    const query = { interval: "day" };
    if (compare !== "none") query.compare = compare;
    if (!this.current.may.dates) return query;
    const { from, to } = this.days();
    return { ...query, from, to, interval: intervalFor(from, to) };
  }

  days() {
    return daysOf(this.range.range, dayOf(Date.now(), this.current.timezone));
  }

  // Each minute, while in sight.
  look() {
    if (this.updatedAt) fill(this.updated, `Updated ${ago(this.updatedAt)}`);
    if (document.visibilityState === "visible" && performance.now() >= this.nextAt) this.refresh();
  }

  async refresh() {
    this.pending.abort();
    this.pending = new AbortController();
    const { signal } = this.pending;
    this.nextAt = Infinity;
    let wait = REFRESH_MS;
    try {
      this.show(await this.get("", {}, signal));
      const { cards } = await this.get("/data", this.query(), signal);
      this.showNumbers(cards);
    } catch (error) {
      if (signal.aborted || ENDED.includes(error.status)) return;
      this.showTrouble(error);
      const isWrong = error.status >= 400 && error.status < 429; // and so it would be again
      if (!isWrong) wait = LOOK_MS;
    }
    this.nextAt = performance.now() + wait;
  }

  end(name) {
    clearInterval(this.timer);
    this.nextAt = Infinity;
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    showEnding(name);
  }

  show(current) {
    if (JSON.stringify(current) === JSON.stringify(this.current)) return;
    this.current = current;
    const { title, dashboard } = current;
    document.title = [dashboard.name, title].filter(Boolean).join(" – ");
    paint(current);
    this.cards = dashboard.cards.map(card => this.card(card));
    fill(
      this.list,
      this.cards.map(({ element }) => element),
    );
    fill(
      main,
      masthead(current),
      h("div.page-head", h("h1", dashboard.name), this.buttons()),
      current.locations && h("p.hint.clamp", locationsText(current.locations)),
      current.may.dates && this.rangeFields(),
      h("div.told", this.words, this.updated, this.printed),
      this.trouble,
      this.cards.length ? this.list : hint("There is nothing on this dashboard yet."),
      this.byLocation,
    );
  }

  card({ name, size, card: index }) {
    const box = h("div.stack", h("p.loading", "Loading …"));
    const open = () => this.openEvents(index);
    const title = this.current.may.events
      ? button(name, open, "opens", `${name}: show its events`)
      : name;
    const element = h(`section.card.metric.${size}`, h("h2.clamp", title), box);
    return { element, box, text: "", found: null };
  }

  buttons() {
    return actions(
      this.current.may.download && button("Download CSV", () => this.save(), "small"),
      button("Print", () => window.print(), "small"),
    );
  }

  rangeFields() {
    const changed = () => {
      this.list.ariaBusy = "true";
      this.refresh();
    };
    return h(
      "div.range",
      { role: "group", "aria-label": "Range" },
      dateFields(this.range, () => this.days(), changed),
      selectField("Compare with", {
        choices: COMPARISONS,
        state: this.range,
        name: "compare",
        changed,
      }),
    );
  }

  showNumbers(found) {
    this.updatedAt = Date.now();
    this.list.ariaBusy = null;
    this.list.classList.remove("old");
    fill(this.trouble);
    fill(this.words, rangeText(found));
    fill(this.updated, `Updated ${ago(this.updatedAt)}`);
    fill(this.printed, `As of ${time(this.updatedAt, this.current.timezone)}`);
    for (const each of found) this.showCard(each);
    fill(this.byLocation, locationsCard(found, this.current.dashboard.cards));
  }

  // What has not changed stays, so that nothing moves.
  showCard(found) {
    const card = this.cards[found.card];
    if (!card) return; // it was added this moment, and comes next time
    const text = JSON.stringify({ ...found, data: { ...found.data, calculated_at: null } });
    card.found = found;
    if (text === card.text) return;
    card.text = text;
    const look = this.current.dashboard.cards[found.card];
    const content = found.problem
      ? hint("This number cannot be calculated now.")
      : cardContent(found.data, look, found.target);
    fill(card.box, content);
  }

  showTrouble(error) {
    const isProblem = "status" in error;
    if (!isProblem) console.error(error); // a defect of this page
    const isAway = error.status === 0 || error.status >= 429;
    const text = isAway
      ? "The numbers cannot be reached at the moment. Trying again …"
      : isProblem
        ? error.message
        : "Something in this page went wrong.";
    const note = h("p.warnings", text);
    this.list.ariaBusy = null;
    this.list.classList.add("old");
    if (this.current) fill(this.trouble, note);
    else fill(main, note);
  }

  async openEvents(index) {
    const { found } = this.cards[index];
    if (!found?.data) return;
    await this.load(
      () => import("./sources.js"),
      ({ openSources }) =>
        openSources({
          card: this.current.dashboard.cards[index],
          data: found.data,
          hasLocations: this.current.locations?.length !== 1,
          get: (selection, signal) => {
            const path = selection.group === null ? "/events?group=" : "/events"; // of no value
            return this.get(path, { ...this.query(), card: index, ...selection }, signal);
          },
        }),
    );
  }

  async save() {
    const found = this.cards.map(card => card.found).filter(Boolean);
    await this.load(
      () => import("./report.js"),
      ({ saveReport }) => saveReport(this.current.dashboard, found),
    );
  }

  // What few viewers need is fetched when they do.
  async load(bring, act) {
    try {
      act(await bring());
    } catch (error) {
      console.error(error);
      fill(this.trouble, h("p.warnings", "That did not work. Please try again."));
    }
  }
}

// What it looks like

function paint({ accent, accent_dark: dark, logo }) {
  if (logo) document.querySelector("[rel=icon]").href = logo;
  if (!COLOUR.test(accent) || !COLOUR.test(dark)) return;
  document.documentElement.style.setProperty("--strong", `light-dark(${accent}, ${dark})`);
}

const masthead = ({ title, logo }) =>
  (title || logo) &&
  h("div.masthead", logo && h("img", { src: logo, alt: title ? "" : "Logo" }), h("span", title));

const inOrder = (one, other) => one.localeCompare(other);

function locationsText(names) {
  const shown = names.toSorted(inOrder).slice(0, SHOWN_LOCATIONS);
  const rest = names.length - shown.length;
  return rest ? `${shown.join(", ")} and ${count(rest, "other")}` : shown.join(", ");
}

function rangeText(found) {
  const { data } = found.find(each => each.data) ?? {};
  if (!data) return null;
  const { from, to, timezone, compare } = data;
  const days = `${span(from, to, timezone)} · ${timezone}`;
  if (!compare) return days;
  const compared = COMPARISONS[compare.kind].toLowerCase();
  return `${days} · compared with the ${compared}${compare.to_date ? ", up to the same time" : ""}`;
}

/** A row a location, a column a card, where there are several. */
function locationsCard(found, cards) {
  const split = found.filter(({ data }) => data?.locations);
  if (!split.length) return null;
  const [{ data: first }] = split;
  const rows = first.locations
    .map(({ name }, index) => ({ name, index }))
    .toSorted((one, other) => inOrder(one.name, other.name));
  const columns = split.map(({ card, data: { locations, format }, target }) => ({
    head: cards[card]?.name,
    isNumber: true,
    cell: ({ index }) => {
      const { value, compare } = locations[index] ?? {};
      const change = compare && changeMark(value, compare.value, format, target?.better);
      return [number(value, format), h("div.hint", change)];
    },
  }));
  const all = [{ head: "Location", cell: ({ name }) => h("div.clamp", name) }, ...columns];
  return h("section.card.by-location", h("h2", "By location"), table("By location", all, rows));
}

// Begins

const link = readLink();
const ending = endingOf(link);
if (ending) {
  showEnding(ending);
} else {
  // From now on no reload sends the token to the server as part of an address.
  history.replaceState(null, "", `/share/${encodeURIComponent(link.id)}#${link.token}`);
  new Dashboard(link.token);
}
// Another link to the same dashboard
window.onhashchange = () => location.reload();
