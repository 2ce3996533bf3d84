// What arrived: stored, updated, refused, and attempts with a wrong key. Updates itself.

import { call, get, isAdmin, loadLocations, locationName, newest, remove } from "./api.js";
import { announce, button, facts, field, h, later, select } from "./dom.js";
import { cut, openEvent, propertiesText } from "./events.js";
import { ago, count, exactTime, time, viewerZone, whole } from "./format.js";
import { oneLocation } from "./range.js";
import { confirm, dialog, failure, load, problemList, toast, warnings } from "./states.js";
import { hasArrived, waiting } from "./waiting.js";

const EVERY_MS = 3000;
const PAGE = 50;
const OUTCOMES = [["", "Everything"], ["accepted", "Accepted"], ["updated", "Updated"], ["refused", "Refused"], ["replaced", "Replaced"], ["attempt", "Wrong key"]];
const LABELS = { accepted: "accepted", updated: "updated", refused: "refused", replaced: "replaced", attempt: "wrong key", replayed: "sent again" };

export async function showActivity(view) {
  if (!(await hasArrived(view.signal))) {
    const box = h("div");
    view.begin("Activity", (heading) => h("div.page-head", heading), box);
    waiting(box, view, () => { if (!view.signal.aborted) showFeed(view); });
    return;
  }
  showFeed(view);
}

function showFeed(view) {
  const state = { location: view.params.get("location") ?? "", name: view.params.get("name") ?? "", outcome: view.params.get("outcome") ?? "" };
  const box = h("div");
  const starting = newest(view.signal);
  let feed = null;
  const changed = () => {
    view.keep(Object.entries(state).filter(([, value]) => value));
    feed = new Feed(state, starting(), box, view);
    load(box, feed.signal, () => feed.look(), () => feed.draw());
  };
  const typed = later(300, changed);
  const pause = button("Pause", () => {
    feed.paused = paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) feed.refresh();
  }, "small", { title: "It updates itself every 3 seconds" });
  let paused = false;
  view.begin("Activity", (heading) => h("div.page-head", heading, h("div.actions", pause,
    isAdmin() ? button("Delete events …", () => deleteByFilter(state, changed), "danger-plain small") : null)),
  h("div.range", oneLocation(state.location, (value) => { state.location = value; changed(); }),
    field("Event name", h("input", { type: "search", value: state.name, autocomplete: "off", oninput: (event) => { state.name = event.target.value.trim(); typed(); } })),
    field("Outcome", select(isAdmin() ? OUTCOMES : OUTCOMES.slice(0, 3), state.outcome, (value) => { state.outcome = value; changed(); }))), box);
  changed();
  loadLocations(view.signal).catch(() => {}); // new ones get their names; the feed itself says when the server is away
  const beat = setInterval(() => {
    if (view.signal.aborted) clearInterval(beat);
    else if (!document.hidden && !paused && feed) feed.refresh();
  }, EVERY_MS);
}

/** The newest of three lists as one. Each list goes on by its own cursor; what is older than the end of a list that goes on is held back. */
class Feed {
  constructor(state, signal, box, view) {
    Object.assign(this, { state, signal, box, view, items: new Map(), rows: new Map(), next: {}, oldest: {}, trouble: null, drawn: false });
  }

  sources() {
    const { location, name, outcome } = this.state;
    const wants = (...outcomes) => !outcome || outcomes.includes(outcome);
    const sources = {};
    if (wants("accepted", "updated")) sources.events = (cursor) => get("/events/v1", { order: "arrival", location_id: location, event_name: name, limit: PAGE, cursor }, this.signal);
    if (isAdmin() && wants("refused", "replaced")) sources.rejections = (cursor) => get("/rejections/v1", { location_id: location, limit: PAGE, cursor }, this.signal);
    if (isAdmin() && !location && !name && wants("attempt")) sources.attempts = () => get("/attempts/v1", {}, this.signal);
    return sources;
  }

  /** Fetches the newest page of every list. */
  async look() {
    const sources = this.sources();
    const pages = await Promise.all(Object.values(sources).map((ask) => ask(null)));
    return Object.keys(sources).map((kind, index) => this.takeNewest(kind, pages[index])).reduce((sum, fresh) => sum + fresh, 0);
  }

  /** How many of them are new. Where more came than a page holds, the list begins anew, since what lies between is not known. */
  takeNewest(kind, page) {
    const found = page[kind].map((each) => ITEMS[kind](each));
    const fresh = found.filter((item) => this.items.get(item.key)?.version !== item.version).length;
    if (!(kind in this.next) || kind === "attempts" || (found.length && fresh === found.length)) {
      this.drop(kind);
      this.next[kind] = page.next ?? null;
      this.oldest[kind] = found.at(-1)?.at;
    }
    for (const item of found) this.items.set(item.key, item);
    return fresh;
  }

  takeOlder(kind, page) {
    const found = page[kind].map((each) => ITEMS[kind](each));
    for (const item of found) this.items.set(item.key, item);
    this.next[kind] = page.next;
    this.oldest[kind] = found.at(-1)?.at ?? this.oldest[kind];
  }

  drop(kind) {
    for (const [key, item] of this.items) if (item.kind === kind) this.items.delete(key);
  }

  async refresh() {
    if (this.asking) return; // a slow answer is waited for, not overtaken
    this.asking = true;
    try {
      const fresh = await this.look();
      this.trouble = null;
      if (fresh > 0) announce(count(fresh, "new entry", "new entries"));
    } catch (error) {
      this.trouble = error;
    }
    this.asking = false;
    if (!this.signal.aborted) this.box.replaceChildren(...this.draw());
  }

  async older() {
    const horizon = this.horizon();
    const sources = this.sources();
    const behind = Object.keys(sources).filter((kind) => this.next[kind] && this.oldest[kind] >= horizon);
    const pages = await Promise.all(behind.map((kind) => sources[kind](this.next[kind])));
    behind.forEach((kind, index) => this.takeOlder(kind, pages[index]));
  }

  horizon() {
    return Object.keys(this.next).filter((kind) => this.next[kind]).map((kind) => this.oldest[kind]).reduce((a, b) => (a > b ? a : b), "");
  }

  shown() {
    const { name, outcome } = this.state;
    const horizon = this.horizon();
    return [...this.items.values()].filter((item) => item.at >= horizon && (!outcome || item.outcome === outcome) && (!name || item.name === name || item.kind === "events"))
      .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  }

  draw() {
    const shown = this.shown();
    const list = h("ol.feed", shown.map((item) => this.row(item)));
    this.drawn = true;
    const more = button("Show older", async () => {
      more.disabled = true;
      try {
        await this.older();
        this.box.replaceChildren(...this.draw());
      } catch (error) {
        if (!this.signal.aborted) more.replaceWith(failure(error, () => this.box.replaceChildren(...this.draw())));
      }
    });
    return [this.trouble ? failure(this.trouble) : null, shown.length ? list : h("p.hint", "Nothing that matches has arrived."),
      Object.values(this.next).some(Boolean) ? more : null].filter(Boolean);
  }

  /** The same element for the same entry, so that neither focus nor a pointer loses it. */
  row(item) {
    const known = this.rows.get(item.key);
    if (known?.version === item.version) {
      known.when.textContent = ago(item.at);
      return known.element;
    }
    const when = h("time", { datetime: item.at, title: exactTime(item.at) }, ago(item.at));
    const inside = [h("span", { class: `badge ${item.outcome}` }, LABELS[item.done ?? item.outcome]), h("span.entry", h("span.strong", item.title),
      h("span.hint", item.text())), when];
    const made = item.kind === "attempts" ? h("div.row", inside) : h("button", { type: "button", class: "row", onclick: () => this.open(item) }, inside);
    const element = h("li", { class: this.drawn ? "new" : null }, made);
    this.rows.set(item.key, { element, when, version: item.version });
    return element;
  }

  async open(item) {
    const gone = () => { this.items.delete(item.key); };
    if (item.kind === "events") await openEvent(item.data.event_id, { signal: this.view.signal, ondelete: gone });
    else await openRejection(item.data, this.view, gone);
    if (!this.signal.aborted) this.refresh();
  }
}

const ITEMS = {
  events: (event) => ({ kind: "events", key: `events ${event.event_id}`, version: event.updated_at, at: event.updated_at, data: event, name: event.event_name,
    outcome: event.updated_at === event.received_at ? "accepted" : "updated", title: cut(event.event_name, 120),
    text: () => [locationName(event.location_id), event.contact_id ? `contact ${cut(event.contact_id, 40)}` : "account", propertiesText(event.properties)].filter(Boolean).join(" · ") }),
  rejections: (rejection) => ({ kind: "rejections", key: `rejections ${rejection.rejection_id}`, version: rejection.replayed_at, at: rejection.received_at, data: rejection, name: nameIn(rejection),
    outcome: rejection.code === "event_replaced" ? "replaced" : "refused", done: rejection.replayed_at ? "replayed" : null, title: cut(nameIn(rejection) ?? rejection.path, 120),
    text: () => [rejection.location_id ? locationName(rejection.location_id) : null, cut(rejection.problem.detail ?? rejection.code, 240)].filter(Boolean).join(" · ") }),
  attempts: (attempt) => ({ kind: "attempts", key: `attempts ${attempt.time} ${attempt.path} ${attempt.reason}`, version: null, at: attempt.time, data: attempt, name: null, outcome: "attempt",
    title: cut(attempt.path, 120), text: () => attempt.reason }),
};

/** The event's name in a refused body, where that is JSON. */
function nameIn({ body }) {
  try {
    const parsed = JSON.parse(body);
    const name = parsed.event_name ?? parsed.customData?.event_name;
    return typeof name === "string" ? name.trim() : null;
  } catch {
    return null;
  }
}

// One that was refused or replaced

function openRejection(rejection, view, ongone) {
  const title = rejection.code === "event_replaced" ? "Replaced event" : "Refused";
  return dialog(title, (close) => {
    const text = rejection.encoding === "utf-8";
    const body = h("textarea.code", { rows: 14, spellcheck: "false", readonly: !text || Boolean(rejection.replayed_at) });
    body.value = pretty(rejection.body);
    const was = body.value;
    const outcome = h("div");
    const again = button("Send again", () => replay(again, rejection, body.value === was ? undefined : body.value, outcome, ongone), "primary");
    const dismiss = button("Dismiss …", async () => {
      const gone = await confirm("Dismiss this?", "Its body and the reason are deleted for good.", "Dismiss", { act: () => remove(`/rejections/v1/${rejection.rejection_id}`) });
      if (gone) { ongone(); close(); toast("Dismissed"); }
    }, "danger-plain");
    return [problemList(rejection.problem), facts([["Arrived", exactTime(rejection.received_at, viewerZone())], ["Path", rejection.path + (rejection.query ? `?${rejection.query}` : "")],
      ["Content type", rejection.content_type || "none"], rejection.replayed_at ? ["Sent again", exactTime(rejection.replayed_at)] : null]),
    field("Body", body, hintOf(rejection, text)), outcome, h("div.actions", rejection.replayed_at ? null : again, dismiss)];
  }, { wide: true, signal: view.signal });
}

function hintOf({ truncated, replayed_at: replayed }, text) {
  if (replayed) return "This was sent again already.";
  if (!text) return "The body is not text; it is shown as Base64 and can only be sent again as it was.";
  return truncated ? "Only the first 64 kB were kept. Send it again with a whole body." : "Correct it here, and send it again. It counts from the time at which it first came.";
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

async function replay(again, rejection, edited, outcome, ongone) {
  again.disabled = true;
  outcome.replaceChildren();
  try {
    const answer = await call("POST", `/rejections/v1/${rejection.rejection_id}/replay`, { body: edited, type: rejection.content_type || "application/json" });
    ongone();
    outcome.replaceChildren(h("p.success", { role: "status" }, `Sent again: ${answer.status}.`), warnings(answer.warnings ?? []) ?? "");
  } catch (error) {
    again.disabled = false;
    outcome.replaceChildren("status" in error ? problemList(error) : failure(error));
  }
}

// Deleting by filter

function deleteByFilter(state, changed) {
  const filter = { location_id: state.location, event_name: state.name, contact_id: "", from: "", to: "" };
  return dialog("Delete events", (close) => {
    const outcome = h("div");
    const text = (label, name, type = "text", hint = "") => field(label, h("input", { type, value: filter[name], oninput: (event) => { filter[name] = event.target.value.trim(); } }), hint);
    const go = button("Count them", async () => {
      outcome.replaceChildren();
      try {
        const query = asQuery(filter);
        const { events } = await remove("/events/v1", { ...query, dry_run: true });
        if (!events) outcome.replaceChildren(h("p", "No event matches."));
        else if (await confirmDeletion(query, events)) { close(); changed(); }
      } catch (error) {
        outcome.replaceChildren(failure(error));
      }
    }, "primary");
    return [h("p", "All that match every field that is filled in. You see how many before anything is deleted."),
      h("div.stack", oneLocation(filter.location_id, (value) => { filter.location_id = value; }), text("Event name", "event_name"), text("contact_id", "contact_id"),
        text("From", "from", "datetime-local", `In your time zone, ${viewerZone()}`), text("Before", "to", "datetime-local")), outcome,
      h("div.actions", go, button("Cancel", () => close()))];
  });
}

function asQuery(filter) {
  const moment = (value) => (value ? new Date(value).toISOString() : "");
  return Object.fromEntries(Object.entries({ ...filter, from: moment(filter.from), to: moment(filter.to) }).filter(([, value]) => value));
}

function confirmDeletion(query, events) {
  const words = Object.entries(query).map(([name, value]) => `${name}: ${name === "from" || name === "to" ? time(value) : cut(value, 80)}`).join(", ");
  return confirm(`Delete ${count(events, "event")}?`, `${words}. They are gone for good.`, `Delete ${whole(events)}`, {
    act: async (tell) => {
      for (let remaining = events; remaining > 0;) {
        ({ remaining } = await remove("/events/v1", query));
        tell(`${count(remaining, "event")} left …`);
      }
      toast("Events deleted");
    } });
}
