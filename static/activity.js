// What arrived: stored, updated, refused, and attempts with a wrong key. Updates itself.

import { call, get, isAdmin, loadLocations, locationName, Problem, remove } from "./api.js";
import { actions, announce, button, entry, facts, field, fill, h, hint, later, link, select } from "./dom.js";
import { cut, openEvent, propertiesText } from "./contacts.js";
import { ago, exactTime, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import { cancel, confirm, confirmRemoval, dialog, failure, form, loader, warnings } from "./states.js";
import { ways } from "./settings.js";

const EVERY_MS = 3000;
const OUTCOMES = { "": "Everything", accepted: "Accepted", updated: "Updated" };
const ADMINS_OUTCOMES = { ...OUTCOMES, refused: "Refused", replaced: "Replaced", attempt: "Wrong key" };
const MOST = 500; // of a list that one request brings

export function showActivity(view) {
  const [box, load] = loader();
  let feed;
  const show = () => load((signal) => {
    feed = new Feed(state, signal, box);
    return feed.look();
  }, () => feed.draw());
  const [state, changed] = view.state({ location_id: "", name: "", outcome: "" }, show);
  view.begin("Activity", isAdmin() && button("Delete events …", () => deleteByFilter(state, show), "danger-plain"),
    h("div.range", oneLocation(state, changed), entry("Event name", state, "name", later(300, changed), { type: "search" }),
      select("Outcome", isAdmin() ? ADMINS_OUTCOMES : OUTCOMES, state, "outcome", changed)), box);
  show();
  loadLocations().catch(() => {}); // new ones get their names; the feed itself says when the server is away
  const beat = setInterval(() => {
    if (!box.isConnected) clearInterval(beat);
    else if (!document.hidden) feed.refresh();
  }, EVERY_MS);
}

// The newest of three lists as one.
class Feed {
  limit = 50;
  rows = new Map();
  list = h("ol.feed");
  older = button("Show older", () => { this.limit = MOST; this.refresh(); });

  constructor(state, signal, box) {
    Object.assign(this, { state, signal, box });
  }

  // The newest of each list; of all that came since the oldest of them, nothing is missing.
  async look() {
    const { limit, signal, state: { location_id, name: event_name, outcome } } = this;
    const list = async (kind, outcomes, query) => ((!outcome || outcomes.includes(outcome)) && (kind === "events" || isAdmin())
      ? (await get(`/${kind}/v1`, query, signal))[kind].map(ITEMS[kind]) : []);
    const lists = await Promise.all([list("events", "accepted updated", { order: "arrival", location_id, event_name, limit }),
      list("rejections", "refused replaced", { location_id, limit }), location_id || event_name ? [] : list("attempts", "attempt")]);
    this.items = lists.flat().sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit);
    this.more = this.items.length === limit && limit < MOST;
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
    const { items, rows, more, older, state: { location_id: place, name, outcome } } = this;
    const shown = items.filter((item) => (!outcome || item.outcome === outcome) && (!name || item.name === name));
    const fresh = shown.filter((item) => !rows.has(item.key)).length;
    if (live && fresh) announce(`${fresh} new`);
    if (!shown.length && !place && !name && !outcome) return this.steps ??= waiting();
    return [shown.length ? fill(this.list, shown.map((item) => this.row(item, live)))
      : hint(more ? `None of the newest ${items.length} matches.` : "Nothing that matches has arrived."), more && older];
  }

  // The same element for the same entry, so that neither focus nor a pointer loses it.
  row(item, live) {
    const known = this.rows.get(item.key);
    const when = known?.querySelector("time") ?? h("time", { datetime: item.at });
    fill(when, ago(item.at));
    if (known) return known;
    const inside = [h(`span.badge.${item.outcome}`, item.label ?? item.outcome), h("span.entry", h("span.strong", cut(item.title, 120)),
      h("span.hint", [item.data.location_id && locationName(item.data.location_id), ...item.text].filter(Boolean).join(" · "))), when];
    const open = async () => {
      await item.open(item.data);
      if (!this.signal.aborted) this.refresh();
    };
    const made = h("li", { class: live ? "new" : null }, item.open ? button(inside, open, "row") : h("div.row", inside));
    this.rows.set(item.key, made);
    return made;
  }
}

// What is shown before anything has come.
const waiting = () => h("div.card.stack", h("div.actions", h("span.pulse", { "aria-hidden": "true" }),
  h("h2", "Waiting for your first event")), h("p", "It appears here by itself as soon as it arrives."),
isAdmin() && h("p", "You need an integration, whose token goes with each event. ",
  link("New integration", "#/settings/integrations/new", "button")), ways());

// The key is of one state of an entry: one that changed is drawn anew.
const ITEMS = {
  events: (data) => ({ key: `e${data.event_id} ${data.updated_at}`, at: data.updated_at, data, name: data.event_name,
    title: data.event_name, outcome: data.update_count ? "updated" : "accepted", open: openEvent,
    text: [data.contact_id ? `contact ${cut(data.contact_id, 40)}` : "account", propertiesText(data.properties)] }),
  rejections: (data) => ({ key: `r${data.rejection_id} ${data.replayed_at}`, at: data.received_at, data, name: nameIn(data),
    title: nameIn(data) ?? data.path, outcome: data.code === "event_replaced" ? "replaced" : "refused",
    label: data.replayed_at && "sent again", open: openRejection, text: [cut(data.problem.detail ?? data.code, 240)] }),
  attempts: (data) => ({ key: `a${data.time}${data.path}`, at: data.time, data, title: data.path, outcome: "attempt", label: "wrong key",
    text: [data.reason] }),
};

// What a body is as JSON; or nothing.
function parsed({ body }) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function nameIn(rejection) {
  const json = parsed(rejection);
  const name = json?.event_name ?? json?.customData?.event_name;
  return name && String(name).trim();
}

// One that was refused or replaced

function openRejection(rejection) {
  const { rejection_id: id, replayed_at: replayed, encoding, path, query, content_type: type } = rejection;
  const json = parsed(rejection);
  const was = json ? JSON.stringify(json, null, 2) : rejection.body;
  const address = `/rejections/v1/${id}`;
  return dialog(rejection.code === "event_replaced" ? "Replaced event" : "Refused", (close) => {
    const body = h("textarea.code", { rows: 14, readonly: encoding !== "utf-8" || Boolean(replayed), value: was });
    const dismiss = button("Dismiss …", async () => {
      if (await confirm("Dismiss this?", "Its body and the reason are deleted for good.", "Dismiss", () => remove(address))) close();
    }, "danger-plain");
    const sent = h("div.stack");
    const content = [field("Body", body, "body", { hint: hintOf(rejection) }), sent];
    const send = async () => {
      const answer = await call("POST", `${address}/replay`, { body: body.value === was ? undefined : body.value, type: type || undefined });
      fill(sent, h("p.success", { role: "status" }, `Sent again: ${answer.status}.`), warnings(answer.warnings ?? []));
      return true;
    };
    return [failure(new Problem(rejection.problem.status, rejection.problem)), facts([["Arrived", exactTime(rejection.received_at)],
      ["Path", path + (query && `?${query}`)], ["Content type", type || "none"], replayed && ["Sent again", exactTime(replayed)]]),
    replayed ? [content, actions(dismiss)] : form(content, "Send again", send, dismiss)];
  }, "wide");
}

function hintOf({ truncated, encoding, replayed_at: replayed }) {
  if (replayed) return "This was sent again already.";
  if (encoding !== "utf-8") return "The body is not text; it is shown as Base64 and can only be sent again as it was.";
  return truncated ? "Only the first 64 kB were kept. Send it again with a whole body."
    : "Correct it here, and send it again. It counts from the time at which it first came.";
}

// Deleting by filter

function deleteByFilter({ location_id, name }, again) {
  const said = { location_id, event_name: name, contact_id: "", from: "", to: "" };
  const moment = (label, end, more) => entry(label, said, end, null, { type: "datetime-local", ...more });
  return dialog("Delete events", (close) => form([
    hint("All that match every field that is filled in. You see how many before anything is deleted."),
    oneLocation(said), entry("Event name", said, "event_name"), entry("contact_id", said, "contact_id"),
    moment("From", "from", { hint: `In your time zone, ${viewerZone()}` }), moment("Before", "to")], "Delete …", async () => {
    const filter = Object.fromEntries(Object.entries(said).filter(([, value]) => value)
      .map(([key, value]) => [key, key in { from: 0, to: 0 } ? new Date(value).toISOString() : value]));
    const words = Object.entries(filter).map(([key, value]) => `${key}: ${cut(value, 80)}`).join(", ");
    if (!await confirmRemoval("Delete these events?", `${words || "All events"}. They are gone for good.`, "Delete them", "/events/v1",
      filter)) return;
    close();
    again();
  }, cancel(close)));
}
