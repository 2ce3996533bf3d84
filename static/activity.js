// What arrived. Updates itself.

import { call, get, isAdmin, loadLocations, locationName, Problem, remove } from "./api.js";
import {
  actions,
  announce,
  button,
  entry,
  facts,
  field,
  fill,
  h,
  hint,
  later,
  link,
  select,
  toast,
} from "./dom.js";
import { cut, openEvent, propertiesText } from "./contacts.js";
import { ago, exactTime, viewerZone } from "./format.js";
import { oneLocation } from "./range.js";
import {
  asking,
  cancel,
  confirm,
  confirmRemoval,
  dialog,
  failure,
  form,
  loader,
} from "./states.js";
import { ways } from "./settings.js";

const EVERY_MS = 3000;
const OUTCOMES = { "": "Everything", accepted: "Accepted", updated: "Updated" };
const FOR_ADMINS = {
  ...OUTCOMES,
  refused: "Refused",
  replaced: "Replaced",
  attempt: "Wrong key or path",
};
const MOST = 500; // of a list that one request brings

export function showActivity(view) {
  const [box, load] = loader();
  let feed;
  const show = () =>
    load(
      signal => {
        feed = feedOf(state, signal, box);
        return feed.look();
      },
      () => feed.draw(),
    );
  const [state, changed] = view.state({ location_id: "", name: "", outcome: "" }, show);
  view.begin(
    "Activity",
    isAdmin() && asking("Delete events", () => deleteByFilter(state), show),
    h(
      "div.range",
      oneLocation(state, changed),
      entry("Event name", state, "name", later(300, changed), { type: "search" }),
      select("Outcome", isAdmin() ? FOR_ADMINS : OUTCOMES, state, "outcome", changed),
    ),
    box,
  );
  show();
  loadLocations().catch(() => {}); // for new names; the feed itself says when the server is away
  const beat = setInterval(() => {
    if (!box.isConnected) clearInterval(beat);
    else if (!document.hidden) feed.refresh();
  }, EVERY_MS);
}

function feedOf({ location_id, name, outcome }, signal, box) {
  const rows = new Map();
  const list = h("ol.feed");
  const older = button("Show older", () => {
    limit = MOST;
    refresh();
  });
  const steps = waiting();
  let limit = 50;
  let items;
  let busy = false;
  return { look, draw, refresh };

  async function ask(kind, outcomes, query) {
    if ((outcome && !outcomes.includes(outcome)) || (kind !== "events" && !isAdmin())) return [];
    return (await get(`/${kind}/v1`, query, signal))[kind].map(ITEMS[kind]);
  }

  // Of all that came since the oldest of these, nothing is missing.
  async function look() {
    const lists = await Promise.all([
      ask("events", "accepted updated", { order: "arrival", location_id, event_name: name, limit }),
      ask("rejections", "refused replaced", { location_id, limit }),
      location_id || name ? [] : ask("attempts", "attempt"),
    ]);
    items = lists
      .flat()
      .sort((a, b) => (a.at < b.at ? 1 : -1))
      .slice(0, limit);
  }

  async function refresh() {
    if (busy) return; // a slow answer is waited for, not overtaken
    busy = true;
    const trouble = await look().then(
      () => null,
      error => error,
    );
    busy = false;
    if (signal.aborted) return;
    const held = document.activeElement;
    fill(box, trouble && failure(trouble), draw(true));
    if (box.contains(held)) held.focus({ preventScroll: true });
  }

  function draw(live) {
    const more = items.length === limit && limit < MOST;
    const shown = items.filter(
      item => (!outcome || item.outcome === outcome) && (!name || item.title === name),
    );
    const fresh = shown.filter(item => !rows.has(item.key)).length;
    if (live && fresh) announce(`${fresh} new`);
    if (!items.length && !location_id && !name && !outcome) return steps;
    return [
      shown.length
        ? fill(
            list,
            shown.map(item => row(item, live)),
          )
        : hint(more ? "None of the newest matches." : "Nothing matches."),
      more && older,
    ];
  }

  // The same element for the same entry, so that neither focus nor a pointer loses it.
  function row(item, live) {
    const made = rows.get(item.key) ?? h("li", { class: live && "new" }, rowOf(item, refresh));
    rows.set(item.key, made);
    fill(made.querySelector("time"), ago(item.at));
    return made;
  }
}

function rowOf({ at, data, label, open, outcome, text, title }, refresh) {
  const inside = [
    h(`span.badge.${data.replayed_at ? "again" : outcome}`, label ?? outcome),
    h(
      "span.entry",
      h("span.strong.clamp", title),
      h(
        "span.hint.clamp",
        [data.location_id && locationName(data.location_id), ...text].filter(Boolean).join(" · "),
      ),
    ),
    h("time", { datetime: at }),
  ];
  return open ? button(inside, () => open(data).then(refresh), "row") : h("div.row", inside);
}

const waiting = () =>
  h(
    "div.card",
    h(
      "div.actions",
      h("span.pulse", { "aria-hidden": "true" }),
      h("h2", "Waiting for your first event"),
    ),
    h("p", "It appears here by itself."),
    isAdmin() &&
      h(
        "p",
        "You need an integration, whose token goes with each event. ",
        link("New integration", "#/settings/integrations/new", "button"),
      ),
    ways(),
  );

// The key is of one state of an entry: one that changed is drawn anew.
const ITEMS = {
  events: data => ({
    data,
    key: `e${data.event_id} ${data.updated_at}`,
    at: data.updated_at,
    title: data.event_name,
    open: openEvent,
    outcome: data.update_count ? "updated" : "accepted",
    text: [
      data.contact_id ? `contact ${data.contact_id}` : "account",
      propertiesText(data.properties),
    ],
  }),
  rejections: data => ({
    data,
    key: `r${data.rejection_id} ${data.replayed_at}`,
    at: data.received_at,
    title: nameIn(data) ?? data.path,
    open: openRejection,
    outcome: data.code === "event_replaced" ? "replaced" : "refused",
    label: data.replayed_at && "sent again",
    text: [problemOf(data).message],
  }),
  attempts: data => ({
    data,
    key: `a${data.time}${data.path}`,
    at: data.time,
    title: data.path,
    outcome: "attempt",
    label: `wrong ${["method", "path", "key"].find(each => data.reason.includes(each))}`,
    text: [data.reason],
  }),
};

const problemOf = ({ problem }) => new Problem(problem.status, problem);

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

const drafts = new Map(); // edited bodies not sent
const SENDABLE = /\/ingestion\/v1$/; // no whole batch, no PUT

function openRejection(rejection) {
  const {
    rejection_id: id,
    replayed_at: replayed,
    encoding,
    path,
    query,
    content_type: type,
  } = rejection;
  const json = parsed(rejection);
  const was = json ? JSON.stringify(json, null, 2) : rejection.body;
  const address = `/rejections/v1/${id}`;
  const fixed = Boolean(replayed) || !SENDABLE.test(path);
  return dialog(
    rejection.code === "event_replaced" ? "Replaced event" : "Refused",
    close => {
      const body = h("textarea.code", {
        rows: 14,
        required: true,
        readonly: encoding !== "utf-8" || fixed,
        value: drafts.get(id) ?? was,
        oninput: () => drafts.set(id, body.value),
      });
      const dismiss = asking(
        "Dismiss",
        () =>
          confirm("Dismiss this?", "Its body and the reason are deleted for good.", "Dismiss", () =>
            remove(address),
          ),
        close,
      );
      const content = field("Body", body, "body", { hint: !replayed && hintOf(rejection) });
      const refusal = failure(problemOf(rejection));
      const send = async () => {
        refusal.remove(); // what comes now is newer
        const answer = await call("POST", `${address}/replay`, {
          body: drafts.get(id),
          type: type || undefined,
        });
        drafts.delete(id);
        close(true);
        toast(
          [
            `Sent again: ${answer.status}.`,
            ...(answer.warnings ?? []).map(({ message }) => message),
          ].join(" "),
        );
      };
      return [
        refusal,
        facts([
          ["Arrived", `${exactTime(rejection.received_at)} (${viewerZone()})`],
          ["Path", path + (query && `?${query}`)],
          ["Content type", type || "none"],
          replayed && ["Sent again", exactTime(replayed)],
        ]),
        fixed ? [content, actions(dismiss)] : form(content, "Send again", send, dismiss),
      ];
    },
    "wide",
  );
}

function hintOf({ truncated, encoding, path }) {
  if (!SENDABLE.test(path)) return "Only its sender can send it again.";
  if (encoding !== "utf-8")
    return "Not text, so shown as Base64. It can only be sent again as it was.";
  return truncated
    ? "Only the first 64 kB were kept. Send a whole body."
    : "Correct it here, and send it again. It counts from when it first came.";
}

// Deleting by filter

function deleteByFilter({ location_id, name }) {
  const said = { location_id, event_name: name };
  const moment = (label, end, hint) =>
    entry(label, said, end, null, { type: "datetime-local", hint });
  const instant = text => text && new Date(text).toISOString();
  return dialog("Delete events", close =>
    form(
      [
        hint("All that match are deleted. You see first how many."),
        oneLocation(said),
        entry("Event name", said, "event_name"),
        entry("contact_id", said, "contact_id"),
        moment("From", "from", `In your time zone, ${viewerZone()}`),
        moment("Before", "to"),
      ],
      "Delete …",
      async fields => {
        const words = fields
          .filter(({ value }) => value)
          .map(
            ({ labels: [label], selectedOptions, value }) =>
              `${label.textContent}: ${cut(selectedOptions?.[0].text ?? value, 80)}`,
          );
        if (!words.length) throw new Problem(422, { detail: "Fill in at least one of these." });
        if (said.to && said.to <= said.from)
          throw new Problem(422, {
            errors: [{ pointer: "/to", message: "Must be later than From." }],
          });
        const filter = { ...said, from: instant(said.from), to: instant(said.to) };
        const text = `${words.join(", ")}. They are gone for good.`;
        if (await confirmRemoval("Delete these events?", text, "Delete them", "/events/v1", filter))
          close(true);
      },
      cancel(close),
      "danger",
    ),
  );
}
