// One alert: what it watches, when that counts, and whom it tells.

import { isDurationText, readAmount, typedAmount, WRONG_DURATION } from "./amounts.js";
import { get, isAdmin, Problem, session } from "./api.js";
import { eventNameField, locationsField, zoneField } from "./choices.js";
import { dialog } from "./dialog.js";
import { fill, h, hint, link } from "./dom.js";
import { editorCard } from "./editor.js";
import { choicesFor, selectField, textField } from "./fields.js";
import { openMail } from "./mail.js";
import { messagesCard, sendingTrouble } from "./messages.js";
import { recipientsField, recipientsOf, recipientsText, tellingWhich } from "./recipients.js";
import { beginSettings, onlyAdmins } from "./settings.js";

const ADDRESS = "#/settings/alerts";
const AT = "/watch";
const KINDS = {
  silence: "Nothing comes for too long",
  threshold: "A metric is too high or too low",
  refusals: "Many bodies are refused",
  health: "The server is in trouble",
};
const MISSED = { events: "Events", requests: "Requests with an API key" };
const PERIODS = {
  today: "Today",
  yesterday: "Yesterday",
  last_7_days: "Last 7 days",
  last_30_days: "Last 30 days",
  this_week: "This week",
  last_week: "Last week",
  this_month: "This month",
  last_month: "Last month",
};
const UNITS = { m: "minutes", h: "hours", d: "days", w: "weeks" };
const WHERE = {
  all: "All locations together",
  each: "Each location by itself",
  some: "Some locations together",
  some_each: "Some locations, each by itself",
};
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const COUNTED = { always: "Around the clock", hours: "Within some hours" };
const START = {
  kind: "silence",
  event: "",
  for: "24h",
  period: "yesterday",
  more_than: 20,
  free_mb: 500,
};

export async function showAlert(view) {
  const id = view.parts[1];
  const isNew = id === "new";
  if (!isAdmin()) {
    beginSettings(view, { title: "Alert" }, onlyAdmins("alerts"));
    return;
  }
  const { state } = view.state({ from: "" }, () => {});
  const [stored, { metrics }, { keys }] = await Promise.all([
    isNew ? suggestedAs(state.from) : get(`/alerts/v1/${id}`),
    get("/metrics/v1"),
    get("/keys/v1"),
  ]);
  const editor = new Editor(stored, metrics, keys);
  beginSettings(
    view,
    {
      title: isNew ? "New alert" : stored.name,
      buttons: link("All alerts", ADDRESS, "button"),
      lead: stored.description,
    },
    sendingTrouble(),
    editorCard(view, editor, { path: "/alerts/v1", id, address: ADDRESS }),
    !isNew && messagesCard(`alert ${id}`),
  );
}

// One that was suggested, by its name; else an empty one.
async function suggestedAs(name) {
  const { suggestions } = name ? await get("/alerts/v1/suggestions") : { suggestions: [] };
  return suggestions.find(({ alert }) => alert.name === name)?.alert ?? { name: "", watch: START };
}

const numberFrom = text => {
  const number = Number(text);
  return String(text).trim() === "" || Number.isNaN(number) ? text : number;
};

/** The fields of an alert. `alert` is as they have it, `body` as the API takes it. */
class Editor {
  watched = h("div.stack");

  constructor({ name, watch, mail, webhooks, reminders = true }, metrics, keys) {
    this.metrics = metrics;
    this.keys = keys.filter(({ revoked_at }) => !revoked_at);
    this.alert = { name, recipients: recipientsText({ mail, webhooks }), reminders };
    this.watch = {
      ...START,
      ...watch,
      missed: watch.key_id ? "requests" : "events",
      key_id: String(watch.key_id ?? this.keys[0]?.key_id ?? ""),
      metric_id: String(watch.metric_id ?? metrics[0]?.metric_id ?? ""),
      where: whereOf(watch),
      locations: Array.isArray(watch.locations) ? watch.locations : [],
      counted: watch.hours ? "hours" : "always",
      hours: { from: "8", to: "18", ...watch.hours },
      weekdays: watch.weekdays ?? [1, 2, 3, 4, 5, 6, 7],
      timezone: watch.timezone ?? "",
      side: (watch.above ?? null) === null ? "below" : "above",
    };
    if (!this.metric) this.watch.metric_id = "";
    if (!this.keys.some(({ key_id }) => String(key_id) === this.watch.key_id)) {
      this.watch.key_id = "";
    }
    this.watch.above = typedAmount(watch.above ?? null, this.style);
    this.watch.below = typedAmount(watch.below ?? null, this.style);
    this.silence = spanOf("for", this.watch.for);
    this.backup = spanOf("backup_age", watch.backup_age);
    this.element = h(
      "div.stack",
      textField("Name", { state: this.alert, name: "name" }),
      this.select("It tells you when", KINDS, "kind"),
      this.watched,
      recipientsField("Recipients", {
        state: this.alert,
        name: "recipients",
        at: "",
        hint: "E-mail addresses and URLs of webhooks, one a line. Without any, only this page tells.",
      }),
      checkField("Remind once a day, as long as it is so", this.alert.reminders, isChecked => {
        this.alert.reminders = isChecked;
      }),
    );
    this.draw();
  }

  draw() {
    fill(this.watched, KIND_FIELDS[this.watch.kind](this));
  }

  select(label, choices, name) {
    return selectField(label, {
      choices,
      state: this.watch,
      name,
      at: AT,
      changed: () => this.draw(),
    });
  }

  number(label, name, hintText) {
    const options = { state: this.watch, name, at: AT, type: "number", hint: hintText };
    return textField(label, options);
  }

  /** A length of time, whose number is at `span[name]`. */
  length(label, span, name, hintText) {
    const options = { state: span, name, at: AT, type: "number", min: "1", hint: hintText };
    return h(
      "div.pair",
      textField(label, options),
      selectField("Unit", { choices: UNITS, state: span, name: "unit" }),
    );
  }

  get metric() {
    return this.metrics.find(({ metric_id }) => String(metric_id) === this.watch.metric_id);
  }

  get style() {
    return this.metric?.format?.style;
  }

  // As the API takes it

  get body() {
    const { name, recipients, reminders } = this.alert;
    const watch = { kind: this.watch.kind, ...KIND_BODIES[this.watch.kind](this) };
    return { name, watch, reminders, ...recipientsOf(recipients) };
  }

  async send(act) {
    const { body } = this;
    this.checkValue();
    return tellingWhich(body, { "": "/recipients" }, () => act(body));
  }

  // The API takes seconds, and would say so.
  checkValue() {
    const { kind, side } = this.watch;
    const isTime = kind === "threshold" && this.style === "duration";
    if (!isTime || isDurationText(this.watch[side])) return;
    throw new Problem(422, {
      errors: [{ pointer: `${AT}/${side}`, message: WRONG_DURATION }],
    });
  }

  get where() {
    const { where, locations, timezone } = this.watch;
    return {
      locations: where.startsWith("some") ? locations : "all",
      each: where.endsWith("each"),
      timezone: timezone || null,
    };
  }

  get when() {
    const { counted, hours, weekdays } = this.watch;
    return {
      hours: counted === "hours" ? { from: Number(hours.from), to: Number(hours.to) } : null,
      weekdays: weekdays.length === WEEKDAYS.length ? null : weekdays,
    };
  }

  /** Shows what it would find now, and the mail where there is something to tell. */
  showPreview(found) {
    if (found.message) openMail(found.message, foundWords(found));
    else dialog("Preview", () => h("p", foundWords(found)));
  }
}

function foundWords({ description, states, message }) {
  const found = Object.entries(states).filter(([, amount]) => amount > 0);
  const words = found.map(([state, amount]) => `${amount} × ${state.replace("_", " ")}`);
  const told = message ? "This would be told:" : "Nothing would be told.";
  return `${description} Now: ${words.join(", ") || "nothing to look at"}. ${told}`;
}

const spanOf = (name, text = "d") => ({ [name]: text.slice(0, -1), unit: text.at(-1) });

const spanText = (span, name) => span[name] && `${span[name]}${span.unit}`;

function whereOf({ locations = "all", each }) {
  const isSome = Array.isArray(locations);
  if (each) return isSome ? "some_each" : "each";
  return isSome ? "some" : "all";
}

function checkField(text, isChecked, changed) {
  const input = h("input", {
    type: "checkbox",
    checked: isChecked,
    onchange: () => changed(input.checked),
  });
  return h("label.check", input, h("span", text));
}

// What each kind has

const KIND_FIELDS = {
  silence: editor => {
    const { watch } = editor;
    const isByKey = watch.missed === "requests";
    return [
      (editor.keys.length > 0 || isByKey) && editor.select("What does not come", MISSED, "missed"),
      isByKey
        ? selectField("API key", {
            choices: choicesFor(watch.key_id, keyChoices(editor.keys)),
            state: watch,
            name: "key_id",
            at: AT,
          })
        : eventNameField({ state: watch, name: "event", at: AT, placeholder: "Any event" }),
      editor.length("For", editor.silence, "for"),
      !isByKey && whereFields(editor),
      whenFields(editor, "Time counts"),
    ];
  },
  threshold: editor => {
    const { watch, metrics, style } = editor;
    if (!metrics.length) return hint("There is no metric yet. Build one on the dashboard.");
    return [
      editor.select("Metric", choicesFor(watch.metric_id, metricChoices(metrics)), "metric_id"),
      editor.select("Over", PERIODS, "period"),
      h(
        "div.pair",
        editor.select("It is", { below: "below", above: "above" }, "side"),
        textField(style === "percent" ? "Percent" : "Value", {
          state: watch,
          name: watch.side,
          at: AT,
          hint: style === "duration" && "Such as 5 m, 1 h 30 m or 2 d",
        }),
      ),
      whereFields(editor),
      whenFields(editor, "It is looked at"),
    ];
  },
  refusals: editor => editor.number("More than so many within an hour", "more_than"),
  health: editor => [
    hint("Always: when the database cannot be written."),
    editor.number("Free space below, in MB", "free_mb", "Empty: whatever is free"),
    editor.length("Newest backup older than", editor.backup, "backup_age", "Empty: whatever it is"),
  ],
};

const metricChoices = metrics =>
  metrics.map(({ metric_id, name }) => ({ value: String(metric_id), text: name }));

const keyChoices = keys => keys.map(({ key_id, name }) => ({ value: String(key_id), text: name }));

const whereFields = editor => [
  editor.select("Where", WHERE, "where"),
  editor.watch.where.startsWith("some") &&
    locationsField({ state: editor.watch, at: AT, placeholder: "Choose a location" }),
];

function whenFields(editor, label) {
  const { watch } = editor;
  return [
    h("div.pair", editor.select(label, COUNTED, "counted"), zone(watch)),
    watch.counted === "hours" &&
      h("div.pair", hourField("From", watch, "from", 0), hourField("To", watch, "to", 1)),
    weekdayFields(watch),
  ];
}

const zone = watch =>
  zoneField({
    state: watch,
    name: "timezone",
    at: AT,
    hint: `Automatic: the location’s own, else ${session.timezone}`,
  });

const hourField = (label, { hours }, name, first) =>
  selectField(label, {
    choices: Array.from({ length: 24 }, (_, index) => {
      const hour = index + first;
      return { value: String(hour), text: `${hour}:00` };
    }),
    state: hours,
    name,
    at: `${AT}/hours`,
  });

const weekdayFields = watch =>
  h(
    "fieldset.field.weekdays",
    { "data-pointer": `${AT}/weekdays` },
    h("legend", "On"),
    WEEKDAYS.map((name, index) => {
      const day = index + 1;
      return checkField(name, watch.weekdays.includes(day), isChecked => {
        const others = watch.weekdays.filter(each => each !== day);
        watch.weekdays = isChecked ? [...others, day].sort() : others;
      });
    }),
    h("div.notes", h("span.error")),
  );

const KIND_BODIES = {
  silence: editor => {
    const { missed, event, key_id } = editor.watch;
    const length = { for: spanText(editor.silence, "for") };
    const { timezone, ...where } = editor.where;
    if (missed === "requests") {
      return { key_id: Number(key_id), ...length, timezone, ...editor.when };
    }
    return { event: event || null, ...length, ...where, timezone, ...editor.when };
  },
  threshold: editor => {
    const { metric_id, period, side } = editor.watch;
    const typed = editor.watch[side];
    const amount = readAmount(typed, editor.style);
    return {
      metric_id: metric_id ? Number(metric_id) : undefined,
      period,
      [side]: typed === "" || Number.isNaN(amount) ? typed : amount,
      ...editor.where,
      ...editor.when,
    };
  },
  refusals: ({ watch }) => ({ more_than: numberFrom(watch.more_than) }),
  health: ({ watch, backup }) => ({
    free_mb: numberFrom(watch.free_mb) || null,
    backup_age: spanText(backup, "backup_age") || null,
  }),
};
