// What arrived: stored, updated, refused, and attempts with a wrong key. Updates itself.

import { call, get, isAdmin, loadLocations, locationName, remove } from "./api.js";
import { actions, announce, button, entry, facts, field, fill, h, hint, later, link, select } from "./dom.js";
import { cut, openEvent, propertiesText } from "./events.js";
import { ago, exactTime, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import { confirm, confirmRemoval, dialog, failure, form, loader, problemList, warnings } from "./states.js";
import { ways } from "./settings.js";

const EVERY_MS = 3000;
const OUTCOMES = [["", "Everything"], ["accepted", "Accepted"], ["updated", "Updated"], ["refused", "Refused"], ["replaced", "Replaced"],
  ["attempt", "Wrong key"]];

export function showActivity(view) {
  const [box, load] = loader(view.signal);
  let feed;
  const show = () => load((signal) => {
    feed = new Feed(state, signal, box);
    return feed.look();
  }, () => feed.draw());
  const [state, set] = view.state({ location: "", name: "", outcome: "" }, show);
  view.begin("Activity", isAdmin() && button("Delete events …", () => deleteByFilter(state, show), "danger-plain small"),
    h("div.range", oneLocation(state.location, set("location")),
      entry("Event name", state.name, set("name", later(300, show)), { type: "search" }),
      select("Outcome", isAdmin() ? OUTCOMES : OUTCOMES.slice(0, 3), state.outcome, set("outcome"))), box);
  show();
  loadLocations(view.signal).catch(() => {}); // new ones get their names; the feed itself says when the server is away
  const beat = setInterval(() => { if (!document.hidden) feed.refresh(); }, EVERY_MS);
  view.signal.addEventListener("abort", () => clearInterval(beat));
}

/** The newest of three lists as one. */
class Feed {
  limit = 50;
  rows = new Map();
  list = h("ol.feed");
  older = button("Show older", () => { this.limit = Math.min(500, this.limit * 3); this.refresh(); });

  constructor(state, signal, box) {
    Object.assign(this, { state, signal, box });
  }

  /** The newest of each list; of all that came since the oldest of them, nothing is missing. */
  async look() {
    const { location: location_id, name: event_name, outcome } = this.state;
    const wants = (...outcomes) => !outcome || outcomes.includes(outcome);
    const list = async (kind, path, query) => (await get(path, query, this.signal))[kind].map(ITEMS[kind]);
    const { limit } = this;
    const lists = await Promise.all([
      wants("accepted", "updated") ? list("events", "/events/v1", { order: "arrival", location_id, event_name, limit }) : [],
      isAdmin() && wants("refused", "replaced") ? list("rejections", "/rejections/v1", { location_id, limit }) : [],
      isAdmin() && !location_id && !event_name && wants("attempt") ? list("attempts", "/attempts/v1") : []]);
    this.items = lists.flat().sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit);
    this.more = lists.flat().length >= limit && limit < 500;
  }

  async refresh() {
    if (this.asking) return; // a slow answer is waited for, not overtaken
    this.asking = true;
    const trouble = await this.look().then(() => null, (error) => error);
    this.asking = false;
    if (this.signal.aborted) return;
    const held = document.activeElement;
    fill(this.box, trouble && failure(trouble), this.draw(true));
    if (this.box.contains(held)) held.focus({ preventScroll: true });
  }

  draw(live) {
    const { location, name, outcome } = this.state;
    const shown = this.items.filter((item) => (!outcome || item.outcome === outcome) && (!name || item.name === name));
    const fresh = shown.filter((item) => !this.rows.has(item.key)).length;
    if (live && fresh) announce(`${fresh} new`);
    if (!shown.length) return location || name || outcome ? hint("Nothing that matches has arrived.") : this.steps ??= waiting();
    return [fill(this.list, shown.map((item) => this.row(item, live))), this.more && this.older];
  }

  /** The same element for the same entry, so that neither focus nor a pointer loses it. */
  row(item, live) {
    const known = this.rows.get(item.key);
    if (known) {
      known.when.textContent = ago(item.at);
      return known.element;
    }
    const when = h("time", { datetime: item.at }, ago(item.at));
    const inside = [h(`span.badge.${item.outcome}`, item.label ?? item.outcome), h("span.entry", h("span.strong", cut(item.title, 120)),
      h("span.hint", [item.data.location_id && locationName(item.data.location_id), ...item.text].filter(Boolean).join(" · "))), when];
    const row = item.open ? button(inside, () => this.open(item), "row") : h("div.row", inside);
    const element = h("li", { class: live ? "new" : null }, row);
    this.rows.set(item.key, { element, when });
    return element;
  }

  async open({ open, data }) {
    await open(data, this.signal);
    if (!this.signal.aborted) this.refresh();
  }
}

/** What is shown before anything has come. */
const waiting = () => h("div.card.stack", h("div.actions", h("span.pulse", { "aria-hidden": "true" }),
  h("h2", "Waiting for your first event")),
  h("p", "It appears here by itself as soon as it arrives."),
  isAdmin() && h("p", "You need an integration, whose token goes with each event. ",
    link("New integration", "#/settings/integrations/new", "button")), ways());

// The key is of one state of an entry: one that changed is drawn anew.
const ITEMS = {
  events: (data) => ({ key: `e${data.event_id} ${data.updated_at}`, at: data.updated_at, data, name: data.event_name,
    title: data.event_name,
    outcome: data.update_count ? "updated" : "accepted", open: (event, signal) => openEvent(event.event_id, signal),
    text: [data.contact_id ? `contact ${cut(data.contact_id, 40)}` : "account", propertiesText(data.properties)] }),
  rejections: (data) => ({ key: `r${data.rejection_id} ${data.replayed_at}`, at: data.received_at, data, name: nameIn(data),
    title: nameIn(data) ?? data.path,
    outcome: data.code === "event_replaced" ? "replaced" : "refused", label: data.replayed_at && "sent again", open: openRejection,
      text: [cut(data.problem.detail ?? data.code, 240)] }),
  attempts: (data) => ({ key: `a${data.time}${data.path}`, at: data.time, data, title: data.path, outcome: "attempt", label: "wrong key",
    text: [data.reason] }),
};

/** The event's name in a refused body, where that is JSON. */
function nameIn({ body }) {
  try {
    const { event_name: plain, customData } = JSON.parse(body);
    return String(plain ?? customData.event_name).trim();
  } catch {
    return null;
  }
}

// One that was refused or replaced

function openRejection(rejection, signal) {
  const { rejection_id: id, replayed_at: replayed, code, encoding, path, query, content_type: type } = rejection;
  return dialog(code === "event_replaced" ? "Replaced event" : "Refused", (close) => {
    const was = pretty(rejection.body);
    const body = h("textarea.code", { rows: 14, readonly: encoding !== "utf-8" || Boolean(replayed), value: was });
    const outcome = h("div.stack");
    const again = button("Send again", async () => {
      again.disabled = true;
      try {
        const answer = await call("POST", `/rejections/v1/${id}/replay`,
          { body: body.value === was ? undefined : body.value, type: type || undefined });
        fill(outcome, h("p.success", { role: "status" }, `Sent again: ${answer.status}.`), warnings(answer.warnings ?? []));
      } catch (error) {
        again.disabled = false;
        fill(outcome, problemList(error));
      }
    }, "primary");
    const dismiss = async () => {
      if (await confirm("Dismiss this?", "Its body and the reason are deleted for good.", "Dismiss",
        { act: () => remove(`/rejections/v1/${id}`) })) close();
    };
    return [problemList({ status: 0, message: rejection.problem.detail, ...rejection.problem }),
      facts([["Arrived", exactTime(rejection.received_at)], ["Path", path + (query && `?${query}`)],
      ["Content type", type || "none"], replayed && ["Sent again", exactTime(replayed)]]), field("Body", body, { hint: hintOf(rejection) }),
        outcome,
    actions(!replayed && again, button("Dismiss …", dismiss, "danger-plain"))];
  }, { wide: true, signal });
}

function hintOf({ truncated, encoding, replayed_at: replayed }) {
  if (replayed) return "This was sent again already.";
  if (encoding !== "utf-8") return "The body is not text; it is shown as Base64 and can only be sent again as it was.";
  return truncated ? "Only the first 64 kB were kept. Send it again with a whole body."
    : "Correct it here, and send it again. It counts from the time at which it first came.";
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

// Deleting by filter

function deleteByFilter({ location: location_id, name: event_name }, again) {
  const filter = { location_id, event_name };
  const set = (name) => (text) => { filter[name] = text; };
  const moment = (label, name, more) => entry(label, "", (text) => { filter[name] = text && new Date(text).toISOString(); },
    { type: "datetime-local", ...more });
  return dialog("Delete events",
    (close) => form([hint("All that match every field that is filled in. You see how many before anything is deleted."),
    oneLocation(location_id, set("location_id")), entry("Event name", event_name, set("event_name")),
      entry("contact_id", "", set("contact_id")),
    moment("From", "from", { hint: `In your time zone, ${viewerZone()}` }), moment("Before", "to")], "Delete …", async () => {
    const words = Object.entries(filter).filter(([, value]) => value).map(([name, value]) => `${name}: ${cut(value, 80)}`).join(", ");
    if (!await confirmRemoval("Delete these events?", `${words || "All events"}. They are gone for good.`, "Delete them", "/events/v1",
      filter)) return;
    close();
    again();
  }, button("Cancel", () => close())));
}
