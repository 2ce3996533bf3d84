// Alerts: what is watched, how it is, and what was told of it.

import { get, isAdmin, post, remove } from "./api.js";
import { askingButton, cancelButton, confirm, dialog } from "./dialog.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { selectField, textField } from "./fields.js";
import { form } from "./form.js";
import { ago, capitalized, time } from "./format.js";
import { messagesCard, sendingTrouble, testCard } from "./messages.js";
import { toast } from "./notices.js";
import { recipientWords } from "./recipients.js";
import { beginSettings, onlyAdmins } from "./settings.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

const ADDRESS = "#/settings/alerts";
const DAY_MS = 86_400_000;
const NAMED_MOST = 3; // locations that a line names
const PAUSES = {
  [DAY_MS / 24]: "for an hour",
  [DAY_MS]: "for a day",
  [7 * DAY_MS]: "for a week",
  [30 * DAY_MS]: "for 30 days",
  until: "until a time …",
};

export async function showAlerts(view) {
  const head = {
    title: "Alerts",
    buttons: isAdmin() && link("New alert", `${ADDRESS}/new`, "button primary"),
    lead: "You are told when something stops: by mail, in a chat, or by a webhook.",
  };
  if (!isAdmin()) {
    beginSettings(view, head, onlyAdmins("alerts"));
    return;
  }
  const { box, load } = loader();
  const suggested = loader();
  const nothing = empty(
    "No alerts yet",
    "Set one up for what must not stop, such as payments.",
    link("New alert", `${ADDRESS}/new`, "button"),
  );
  const show = () =>
    load(
      signal => get("/alerts/v1", {}, signal),
      ({ alerts }) => table("Alerts", alertColumns(show), alerts, nothing),
    );
  show();
  suggested.load(
    signal => get("/alerts/v1/suggestions", {}, signal),
    ({ suggestions }) => suggestionsCard(suggestions),
  );
  beginSettings(view, head, sendingTrouble(), box, suggested.box, messagesCard(), testCard());
}

const alertColumns = reload => [
  { head: "Alert", cell: alert => link(alert.name, `${ADDRESS}/${alert.alert_id}`) },
  { head: "State", cell: alert => h("div.said", stateCell(alert)) },
  { head: "Fires when", cell: ({ description }) => h("div.said", description) },
  { head: "Tells", cell: recipientsCell },
  { head: "Actions", cell: alert => alertActions(alert, reload) },
];

const recipientsCell = alert => recipientWords(alert).join(", ") || "only this page";

// How it is

function stateCell(alert) {
  if (alert.paused_until) {
    return [h("span.badge.replaced", "paused"), ` until ${time(alert.paused_until)}`];
  }
  return STATE_CELLS[alert.state](alert);
}

const STATE_CELLS = {
  firing: alert => [h("span.badge.refused", "firing"), ` ${firingWords(alert)}`],
  no_data: ({ since }) => [h("span.badge.replaced", "no data"), ` since ${time(since)}`],
  ok: ({ since }) => [h("span.badge.accepted", "ok"), ` since ${time(since)}`],
  waiting: () => "is looked at within a minute",
  problem: ({ problem }) => [h("span.badge.refused", "in trouble"), ` ${capitalized(problem)}.`],
};

// Since when, and where.
function firingWords({ since, firing, states }) {
  const where = firing
    .filter(({ subject }) => subject)
    .slice(0, NAMED_MOST)
    .map(({ subject, name }) => name ?? SUBJECTS[subject] ?? subject);
  const rest = states.firing - where.length;
  if (where.length && rest) where.push(`${rest} more`);
  return `since ${time(since)}, ${ago(since)}${where.length ? `: ${where.join(", ")}` : ""}`;
}

// Of the server's health
const SUBJECTS = { disk: "the disk", backups: "the backups", database: "the database" };

// What can be done

function alertActions(alert, reload) {
  const { alert_id: id, name, paused_until: pausedUntil } = alert;
  const path = `/alerts/v1/${id}`;
  const resume = async () => {
    await post(`${path}/pause`, { until: null });
    toast("It tells again");
    reload();
  };
  const askToDelete = () =>
    confirm({
      title: "Delete this alert?",
      text: `Nobody is told any more of “${name}”. What it has told stays in the list.`,
      label: "Delete",
      act: () => remove(path),
    });
  return actions(
    pausedUntil
      ? button("Resume", resume, "small", `Resume ${name}`)
      : askingButton("Pause", {
          ask: () => askHowLong(alert),
          onDone: reload,
          kind: "small",
          spokenName: `Pause ${name}`,
        }),
    askingButton("Delete", {
      ask: askToDelete,
      onDone: reload,
      kind: "small danger",
      spokenName: `Delete ${name}`,
    }),
  );
}

function askHowLong({ alert_id: id, name }) {
  const pause = { length: String(DAY_MS), until: "" };
  return dialog(`Pause “${name}”`, close => {
    const box = h("div");
    const follow = () => fill(box, pause.length === "until" && untilField(pause));
    return form({
      content: [
        hint("It tells nothing meanwhile. What is still so afterwards is told then."),
        selectField("Pause it", {
          choices: PAUSES,
          state: pause,
          name: "length",
          changed: follow,
        }),
        box,
      ],
      label: "Pause",
      submit: async () => {
        await post(`/alerts/v1/${id}/pause`, { until: endOf(pause) });
        toast("Paused");
        close(true);
      },
      other: cancelButton(close),
    });
  });
}

const untilField = pause =>
  textField("Until", { state: pause, name: "until", type: "datetime-local", required: true });

const endOf = ({ length, until }) =>
  (length === "until" ? new Date(until) : new Date(Date.now() + Number(length))).toISOString();

// Suggestions

function suggestionsCard(suggestions) {
  if (!suggestions.length) return null;
  const line = ({ text, alert }) =>
    h("li", h("span", text), link("Set up", startOf(alert), "button small"));
  return h(
    "section.card.stack",
    h("h2", "Suggestions"),
    hint("From what has come in the last four weeks."),
    h("ul.offers", suggestions.map(line)),
  );
}

const startOf = ({ name }) => `${ADDRESS}/new?from=${encodeURIComponent(name)}`;
