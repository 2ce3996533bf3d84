// What arrived. Updates itself.

import { get, isAdmin, loadLocations, locationName } from "./api.js";
import { eventNameField, locationField } from "./choices.js";
import { openDeletion } from "./deletion.js";
import { askingButton } from "./dialog.js";
import { button, fill, h, hint, link, refill } from "./dom.js";
import { openEvent } from "./events.js";
import { selectField } from "./fields.js";
import { ago, capitalized, count, cut, propertiesText } from "./format.js";
import { announce } from "./notices.js";
import { eventNameOf, openRejection, problemOf } from "./rejection.js";
import { sendingInstructions, testEvent } from "./sending.js";
import { failure, loader } from "./states.js";

const REFRESH_MS = 3000;
const FIRST_ITEMS = 50;
const MOST_ITEMS = 500; // of a list that one request brings
const NAME_CHARACTERS = 80;
const OUTCOMES = { "": "Everything", accepted: "Accepted", updated: "Updated" };
const ADMIN_OUTCOMES = {
  ...OUTCOMES,
  refused: "Refused",
  replaced: "Replaced",
  attempt: "Wrong key or path",
};

export function showActivity(view) {
  const { box, load } = loader();
  let feed;
  const show = () =>
    load(
      signal => {
        feed = new Feed(state, signal, box);
        return feed.look();
      },
      () => feed.content({ isLive: false }),
    );
  const { state, changed } = view.state({ location_id: "", name: "", outcome: "" }, show);
  const deleteEvents = () =>
    askingButton("Delete events", { ask: () => openDeletion(state), onDone: show });
  view.begin(
    "Activity",
    isAdmin() && deleteEvents(),
    h(
      "div.range",
      locationField({ state, changed }),
      eventNameField({ state, name: "name", changed, placeholder: "All events" }),
      selectField("Outcome", {
        choices: isAdmin() ? ADMIN_OUTCOMES : OUTCOMES,
        state,
        name: "outcome",
        changed,
      }),
    ),
    box,
  );
  show();
  loadLocations().catch(() => {}); // for new names; the feed itself says when the server is away
  const timer = setInterval(() => {
    if (!box.isConnected) clearInterval(timer);
    else if (!document.hidden) feed.refresh();
  }, REFRESH_MS);
}

/** What arrived, the newest first, with one filter. `signal` ends it. */
class Feed {
  items = [];
  limit = FIRST_ITEMS;
  rows = new Map(); // {element, content} by the items' keys
  list = h("ol.feed");
  isLooking = false;
  trouble = null; // what is shown of an error, while it lasts

  constructor({ location_id, name, outcome }, signal, box) {
    this.filter = { location_id, name, outcome };
    this.signal = signal;
    this.box = box;
    this.instructions = firstSteps();
    this.older = button("Show older", () => {
      this.limit = MOST_ITEMS;
      this.refresh();
    });
  }

  // Brings the newest. Of all that came since the oldest of these, nothing is missing.
  async look() {
    const { location_id, name } = this.filter;
    const { limit } = this;
    const lists = await Promise.all([
      this.ask("events", { order: "arrival", location_id, event_name: name, limit }),
      this.ask("rejections", { location_id, limit }),
      location_id || name ? [] : this.ask("attempts"), // of which neither is known
    ]);
    this.items = lists
      .flat()
      .sort((one, other) => (one.at < other.at ? 1 : -1))
      .slice(0, limit);
  }

  async ask(kind, query) {
    const { outcome } = this.filter;
    const { outcomes, itemOf } = SOURCES[kind];
    const isFiltered = outcome && !outcomes.includes(outcome);
    if (isFiltered || (kind !== "events" && !isAdmin())) return [];
    const answer = await get(`/${kind}/v1`, query, this.signal);
    return answer[kind].map(itemOf);
  }

  async refresh() {
    if (this.isLooking) return; // a slow answer is waited for, not overtaken
    this.isLooking = true;
    let error = null;
    try {
      await this.look();
    } catch (trouble) {
      error = trouble;
    }
    this.isLooking = false;
    if (this.signal.aborted) return;
    this.note(error);
    refill(this.box, this.trouble, this.content({ isLive: true }));
  }

  // One that lasts is told once, and a server that is away by the page itself.
  note(error) {
    const isUntold = error && error.status !== 0;
    if (!isUntold) this.trouble = null;
    else if (this.trouble?.dataset.message !== error.message) {
      this.trouble = failure(error);
      this.trouble.dataset.message = error.message;
    }
  }

  content({ isLive }) {
    const { location_id, name, outcome } = this.filter;
    const isUnfiltered = !location_id && !name && !outcome;
    if (!this.items.length && isUnfiltered) return this.instructions;
    const matching = this.items.filter(
      item => (!outcome || item.outcome === outcome) && (!name || item.title === name),
    );
    if (isLive) announceNew(matching.filter(({ key }) => !this.rows.has(key)).length);
    const hasOlder = this.items.length === this.limit && this.limit < MOST_ITEMS;
    return [this.listOf(matching, hasOlder, isLive), hasOlder && this.older];
  }

  listOf(items, hasOlder, isLive) {
    if (!items.length) return this.nothing(hasOlder);
    return refill(
      this.list,
      items.map(item => this.row(item, isLive)),
    );
  }

  nothing(hasOlder) {
    const { name } = this.filter;
    const isKnown = !name || this.items.some(({ title }) => title === name);
    if (hasOlder) return hint("None of the newest ones matches.");
    if (isKnown) return hint("Nothing matches.");
    return hint(
      `Nothing is called exactly “${cut(name, NAME_CHARACTERS)}”. Choose a name from the list.`,
    );
  }

  // The same element for the same item, which is drawn anew where it says something else, such as the name of a contact
  // that became known.
  row(item, isLive) {
    const content = JSON.stringify(item);
    const row = this.rows.get(item.key) ?? { element: rowElement(isLive) };
    if (row.content !== content)
      fill(
        row.element,
        rowContent(item, () => this.refresh()),
      );
    this.rows.set(item.key, { ...row, content });
    fill(row.element.querySelector("time"), ago(item.at, { withSeconds: true }));
    return row.element;
  }
}

// A new one stands out for a moment.
const rowElement = isNew =>
  h("li", {
    class: isNew && "new",
    onanimationend: ({ target }) => target.classList.remove("new"),
  });

const announceNew = amount => {
  if (amount) announce(`${amount} new`);
};

function rowContent(item, refresh) {
  const { at, data, label, note, open, outcome, texts, title } = item;
  const location = data.location_id && locationName(data.location_id);
  const details = [location, ...texts].filter(Boolean).join(" · ");
  const content = [
    h(`span.badge.${data.replayed_at ? "again" : outcome}`, label ?? outcome),
    h(
      "span.entry",
      h("span.strong.clamp", title),
      details && h("span.hint.clamp", details),
      note && h(`span.note.clamp.${note.kind}`, `⚠ ${note.text}`),
    ),
    h("time", { datetime: at }),
  ];
  if (!open) return h("div.row", content);
  const onclick = async () => {
    await open(data);
    refresh();
  };
  return button(content, onclick, "row");
}

const firstSteps = () =>
  h(
    "div.card",
    h(
      "div.actions",
      h("span.pulse", { "aria-hidden": "true" }),
      h("h2", "Waiting for your first event"),
    ),
    h("p", "It appears here by itself."),
    isAdmin() && [
      h(
        "p",
        "Each event comes with an API key, which you get under Settings > Integrations: ",
        link("New integration", "#/settings/integrations/new", "button"),
      ),
      testEvent(),
    ],
    sendingInstructions(),
  );

// What the feed is made of. An item's key is of one state of it: one that changed is drawn anew.

const SOURCES = {
  events: { outcomes: ["accepted", "updated"], itemOf: eventItem },
  rejections: { outcomes: ["refused", "replaced"], itemOf: rejectionItem },
  attempts: { outcomes: ["attempt"], itemOf: attemptItem },
};

function eventItem(data) {
  return {
    data,
    key: `e${data.event_id} ${data.updated_at}`,
    at: data.updated_at,
    title: data.event_name,
    open: openEvent,
    outcome: data.update_count ? "updated" : "accepted",
    texts: [data.contact_name ?? data.contact_id, propertiesText(data.properties)],
    note: data.warnings.length > 0 && { kind: "warned", text: warningText(data.warnings) },
  };
}

function warningText([{ message }, ...others]) {
  const more = others.length > 0 ? ` (and ${count(others.length, "more warning")})` : "";
  return capitalized(message) + more;
}

function rejectionItem(data) {
  return {
    data,
    key: `r${data.rejection_id} ${data.replayed_at}`,
    at: data.received_at,
    title: eventNameOf(data) ?? data.path,
    open: openRejection,
    outcome: data.code === "event_replaced" ? "replaced" : "refused",
    label: data.replayed_at && "sent again",
    texts: [],
    note: {
      kind: data.replayed_at || data.code === "event_replaced" ? "warned" : "refused",
      text: capitalized(problemOf(data).message),
    },
  };
}

function attemptItem(data) {
  const wrongPart = ["method", "path", "key"].find(part => data.reason.includes(part));
  return {
    data,
    key: `a${data.time}${data.path}`,
    at: data.time,
    title: data.path,
    outcome: "attempt",
    label: `wrong ${wrongPart}`,
    texts: [],
    note: { kind: "refused", text: capitalized(data.reason) },
  };
}
