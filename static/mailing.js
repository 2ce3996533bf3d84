// One report: which dashboard is sent, when, whose numbers, and to whom.

import { get, isAdmin, loadLocations, locationName, locations } from "./api.js";
import { button, fill, h, hint, link } from "./dom.js";
import { editorCard } from "./editor.js";
import { choicesFor, selectField, textField } from "./fields.js";
import { time } from "./format.js";
import { openMail } from "./mail.js";
import { messagesCard, sendingTrouble } from "./messages.js";
import { recipientsField, recipientsOf, recipientsText, tellingWhich } from "./recipients.js";
import { askToSend, nextWords } from "./reports.js";
import { scheduleFields } from "./schedule.js";
import { beginSettings, onlyAdmins } from "./settings.js";

const ADDRESS = "#/settings/reports";
const ALL = ""; // stands for all locations together
const WHOSE = {
  all: "All locations together",
  one: "One location",
  each: "Each location by itself",
};
const START = { every: "week", weekday: 1, day: 1, hour: 8, timezone: null, recipients: [] };

export async function showReport(view) {
  const id = view.parts[1];
  const isNew = id === "new";
  if (!isAdmin()) {
    beginSettings(view, { title: "Report" }, onlyAdmins("reports"));
    return;
  }
  const { state } = view.state({ dashboard: "" }, () => {});
  const [{ reports }, { dashboards }] = await Promise.all([
    get("/reports/v1"),
    get("/dashboards/v1"),
    loadLocations(),
  ]);
  const stored = isNew
    ? newReport(state.dashboard, dashboards, reports)
    : await get(`/reports/v1/${id}`);
  const editor = new Editor(stored, dashboards);
  const sendNow = async () => {
    if (await askToSend(stored)) view.reload();
  };
  beginSettings(
    view,
    {
      title: isNew ? "New report" : stored.name,
      buttons: [!isNew && button("Send now …", sendNow), link("All reports", ADDRESS, "button")],
      lead: isNew ? othersOf(state.dashboard, reports) : statusWords(stored),
    },
    sendingTrouble(),
    editorCard(view, editor, { path: "/reports/v1", id, address: ADDRESS }),
    !isNew && unsubscribedCard(stored),
    !isNew && messagesCard(`report ${id}`),
  );
}

const statusWords = report =>
  report.paused ? "It is paused." : `It is sent next ${nextWords(report)}.`;

// Which reports there are of the same dashboard.
function othersOf(dashboardId, reports) {
  const others = reports.filter(({ dashboard_id }) => String(dashboard_id) === dashboardId);
  if (!others.length) return "";
  const links = others.map(({ report_id: id, name }, index) => [
    index > 0 && ", ",
    link(name, `${ADDRESS}/${id}`),
  ]);
  return ["This dashboard is sent already: ", links, "."];
}

function newReport(dashboardId, dashboards, reports) {
  const dashboard =
    dashboards.find(({ dashboard_id }) => String(dashboard_id) === dashboardId) ?? dashboards[0];
  const taken = new Set(reports.map(({ name }) => name));
  const wanted = dashboard?.name ?? "";
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted} ${number}`;
  return { ...START, name, dashboard_id: dashboard?.dashboard_id };
}

function unsubscribedCard({ unsubscribed }) {
  if (!unsubscribed.length) return null;
  return h(
    "section.card.stack",
    h("h2", "Unsubscribed"),
    hint("They get it no more, also where they are among the recipients."),
    h(
      "ul",
      unsubscribed.map(({ address, at }) => h("li", `${address}, ${time(at)}`)),
    ),
  );
}

/** The fields of a report. A group of recipients is {location_id, text, link}. */
class Editor {
  groups = h("div.stack");

  constructor(report, dashboards) {
    const { recipients } = report;
    const choices = dashboards.map(({ dashboard_id, name }) => ({
      value: String(dashboard_id),
      text: name,
    }));
    const isThere = choices.some(({ value }) => value === String(report.dashboard_id));
    this.paused = report.paused ?? false;
    this.report = {
      name: report.name,
      dashboard_id: isThere ? String(report.dashboard_id) : "",
      every: report.every,
      weekday: String(report.weekday),
      day: String(report.day),
      hour: String(report.hour),
      timezone: report.timezone ?? "",
      whose: whoseOf(recipients),
    };
    this.chosen = { location_id: recipients[0]?.location_id ?? locations[0]?.location_id ?? ALL };
    this.byLocation = new Map();
    for (const id of [ALL, ...locations.map(({ location_id }) => location_id)]) this.groupOf(id);
    for (const { location_id: id, link: url, ...group } of recipients) {
      const stored = this.groupOf(id ?? ALL);
      stored.text = [stored.text, recipientsText(group)].filter(Boolean).join("\n");
      stored.link ||= url ?? "";
    }
    this.element = h(
      "div.stack",
      h(
        "div.pair",
        textField("Name", { state: this.report, name: "name" }),
        selectField("Dashboard", {
          choices: choicesFor(this.report.dashboard_id, choices),
          state: this.report,
          name: "dashboard_id",
        }),
      ),
      scheduleFields(this.report),
      selectField("Whose numbers", {
        choices: WHOSE,
        state: this.report,
        name: "whose",
        changed: () => this.draw(),
      }),
      this.groups,
    );
    this.draw();
  }

  // Each is made once, and keeps what was typed.
  groupOf(id) {
    if (!this.byLocation.has(id)) {
      this.byLocation.set(id, { location_id: id, text: "", link: "" });
    }
    return this.byLocation.get(id);
  }

  draw() {
    fill(this.groups, GROUP_FIELDS[this.report.whose](this));
  }

  // Those that are sent: of each location with recipients, else the chosen one.
  get sentGroups() {
    const { whose } = this.report;
    if (whose === "all") return [this.groupOf(ALL)];
    if (whose === "one") return [this.groupOf(this.chosen.location_id)];
    const filled = [...this.byLocation.values()].filter(({ text }) => text.trim());
    return filled.length ? filled : [this.groupOf(ALL)];
  }

  get body() {
    const { whose, dashboard_id, weekday, day, hour, timezone, ...rest } = this.report;
    return {
      ...rest,
      dashboard_id: dashboard_id ? Number(dashboard_id) : undefined,
      weekday: Number(weekday),
      day: Number(day),
      hour: Number(hour),
      timezone: timezone || null,
      paused: this.paused,
      recipients: this.sentGroups.map(({ location_id: id, text, link: url }) => ({
        location_id: id === ALL ? null : id,
        link: url.trim() || null,
        ...recipientsOf(text),
      })),
    };
  }

  send(act) {
    const { body } = this;
    const pointers = this.sentGroups.flatMap(({ location_id: id }, index) => [
      [`/recipients/${index}`, `${pointerOf(id)}/text`],
      [`/recipients/${index}/link`, `${pointerOf(id)}/link`],
    ]);
    return tellingWhich(body, Object.fromEntries(pointers), () => act(body));
  }

  /** Shows the mail as it would be sent now, to the first of the recipients. */
  showPreview(mail) {
    const whose = mail.location_id === null ? "all locations" : locationName(mail.location_id);
    openMail(mail, `For ${whose}. ${mail.next_at ? `Next: ${this.nextWords(mail)}` : "Paused"}.`);
  }

  nextWords = ({ next_at }) => nextWords({ next_at, timezone: this.report.timezone || null });
}

const pointerOf = id => `/of/${encodeURIComponent(id)}`;

function whoseOf(recipients) {
  if (recipients.length > 1) return "each";
  return recipients[0]?.location_id ? "one" : "all";
}

// Whose numbers, and the fields of those

const GROUP_FIELDS = {
  all: editor => groupFields(editor.groupOf(ALL)),
  one: editor => [
    selectField("Location", {
      choices: [...editor.byLocation.keys()]
        .filter(value => value !== ALL)
        .map(value => ({ value, text: locationName(value) })),
      state: editor.chosen,
      name: "location_id",
      changed: () => editor.draw(),
    }),
    groupFields(editor.groupOf(editor.chosen.location_id)),
  ],
  each: editor => [
    hint(
      "Each to its own recipients: e-mail addresses and URLs of webhooks, one a line. ",
      "Those without any are left out. ",
      "The link in the mail is that of a share, made by Share on the dashboard.",
    ),
    [...editor.byLocation.values()].map(group =>
      h(
        "fieldset.group",
        h("legend", group.location_id === ALL ? WHOSE.all : locationName(group.location_id)),
        h("div.pair", recipientsOfGroup(group, { rows: 1 }), linkOfGroup(group)),
      ),
    ),
  ],
};

const groupFields = group => [
  recipientsOfGroup(group, { hint: "E-mail addresses and URLs of webhooks, one a line" }),
  linkOfGroup(group, "Of a share of the same numbers, made by Share on the dashboard; or none"),
];

const recipientsOfGroup = (group, options) =>
  recipientsField("Recipients", {
    state: group,
    name: "text",
    at: pointerOf(group.location_id),
    ...options,
  });

const linkOfGroup = (group, hintText) =>
  textField("Link in the mail", {
    state: group,
    name: "link",
    at: pointerOf(group.location_id),
    placeholder: "https://…",
    hint: hintText,
  });
