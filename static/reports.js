// Reports: dashboards that are sent each day, week or month.

import { get, isAdmin, post, put, remove, session } from "./api.js";
import { askingButton, cancelButton, confirm, dialog } from "./dialog.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { selectField } from "./fields.js";
import { form } from "./form.js";
import { capitalized, time } from "./format.js";
import { messagesCard, sendingTrouble, testCard } from "./messages.js";
import { toast } from "./notices.js";
import { recipientsField, recipientsOf, recipientWords, tellingWhich } from "./recipients.js";
import { bodyOf, scheduleWords } from "./schedule.js";
import { beginSettings, onlyAdmins } from "./settings.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

const ADDRESS = "#/settings/reports";
const NAMED_MOST = 3; // recipients that a line names

export async function showReports(view) {
  const newReport = kind => link("New report", `${ADDRESS}/new`, kind);
  const head = {
    title: "Reports",
    buttons: isAdmin() && newReport("button primary"),
    lead: "A dashboard’s numbers, sent each day, week or month: to you, or to each client its own.",
  };
  if (!isAdmin()) {
    beginSettings(view, head, onlyAdmins("reports"));
    return;
  }
  const { dashboards } = await get("/dashboards/v1");
  const names = new Map(dashboards.map(({ dashboard_id, name }) => [dashboard_id, name]));
  const nothing = empty("No reports yet", "Send a dashboard every Monday.", newReport("button"));
  const { box, load } = loader();
  const show = () =>
    load(
      signal => get("/reports/v1", {}, signal),
      ({ reports }) => table("Reports", reportColumns(names, show), reports, nothing),
    );
  show();
  beginSettings(view, head, sendingTrouble(), box, messagesCard(), testCard());
}

const reportColumns = (names, reload) => [
  { head: "Report", cell: report => link(report.name, `${ADDRESS}/${report.report_id}`) },
  { head: "Dashboard", cell: ({ dashboard_id: id }) => names.get(id) ?? "deleted" },
  { head: "When", cell: scheduleWords },
  { head: "Next", cell: report => h("div.said", nextCell(report)) },
  { head: "To", cell: recipientsCell },
  { head: "Last sent", cell: ({ sent_at: at }) => (at ? time(at) : "never") },
  { head: "Actions", cell: report => reportActions(report, reload) },
];

function recipientsCell({ recipients }) {
  const words = recipients.flatMap(recipientWords);
  const named = words.slice(0, NAMED_MOST).join(", ");
  return words.length > NAMED_MOST ? `${named} and ${words.length - NAMED_MOST} more` : named;
}

function nextCell(report) {
  const { problem, paused, is_asked: isAsked } = report;
  return [
    problem && [h("span.badge.refused", "in trouble"), ` ${capitalized(problem)}. `],
    isAsked && [h("span.badge.replaced", "is being written"), " "],
    paused ? h("span.badge.replaced", "paused") : nextWords(report),
  ];
}

/** When it is due next, in its zone. */
export const nextWords = ({ next_at: at, timezone }) => {
  const zone = timezone ?? session.timezone;
  return at ? `${time(at, zone)} (${zone})` : "–";
};

function reportActions(report, reload) {
  const { report_id: id, name, paused } = report;
  const path = `/reports/v1/${id}`;
  const resume = async () => {
    await put(path, { ...bodyOf(report), paused: false });
    toast("It is sent again");
    reload();
  };
  const askToPause = () =>
    confirm({
      title: `Pause “${name}”?`,
      text: "It is sent no more until you resume it. What is due meanwhile is left out.",
      label: "Pause",
      act: () => put(path, { ...bodyOf(report), paused: true }),
      kind: "primary",
    });
  const askToDelete = () =>
    confirm({
      title: "Delete this report?",
      text: `“${name}” is sent no more. Its dashboard stays.`,
      label: "Delete",
      act: () => remove(path),
    });
  const asking = (label, ask, kind = "small") =>
    askingButton(label, { ask, onDone: reload, kind, spokenName: `${label} ${name}` });
  return actions(
    asking("Send now", () => askToSend(report)),
    paused ? button("Resume", resume, "small", `Resume ${name}`) : asking("Pause", askToPause),
    asking("Delete", askToDelete, "small danger"),
  );
}

const TO = { all: "All recipients", some: "Only these addresses" };

/** Asks to whom, and sends a report now; resolves to true once it is asked for. */
export function askToSend({ report_id: id, name, recipients }) {
  const sending = { to: "all", addresses: "" };
  return dialog(`Send “${name}” now`, close => {
    const box = h("div.stack");
    const follow = () =>
      fill(
        box,
        sending.to === "all"
          ? hint(recipients.flatMap(recipientWords).join(", "))
          : recipientsField("E-mail addresses", {
              state: sending,
              name: "addresses",
              at: "",
              hint: "One a line. They get what the recipients would get.",
            }),
      );
    follow();
    return form({
      content: [
        hint("It goes out beside its times, for the period that was due last."),
        selectField("To", { choices: TO, state: sending, name: "to", changed: follow }),
        box,
      ],
      label: "Send now",
      submit: async () => {
        const { mail } = recipientsOf(sending.addresses);
        const body = sending.to === "all" ? {} : { mail };
        await tellingWhich(body, { "": "/addresses" }, () => post(`/reports/v1/${id}/send`, body));
        toast("It goes out within a minute");
        close(true);
      },
      other: cancelButton(close),
    });
  });
}
