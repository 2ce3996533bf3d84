// A body that was refused, or an event that was replaced: to be corrected and sent again.

import { call, Problem, remove } from "./api.js";
import { askingButton, confirm, dialog } from "./dialog.js";
import { actions, facts, h } from "./dom.js";
import { field } from "./fields.js";
import { form } from "./form.js";
import { exactTime, viewerZone } from "./format.js";
import { toast } from "./notices.js";
import { failure } from "./states.js";

const drafts = new Map(); // edited bodies that were not sent, by rejection_id
const SENDABLE = /\/+ingestion\/+v1\/*$/; // no whole batch, no PUT

/** Why it was refused. */
export const problemOf = ({ problem }) => new Problem(problem.status, problem);

/** The event's name in a refused body, if there is one. */
export function eventNameOf(rejection) {
  const body = parsedBody(rejection);
  const name = body?.event_name ?? body?.customData?.event_name;
  return name && String(name).trim();
}

function parsedBody({ body }) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** Shows it; resolves once the dialog is closed. */
export function openRejection(rejection) {
  const title = rejection.code === "event_replaced" ? "Replaced event" : "Refused";
  return dialog(title, close => rejectionDetail(rejection, close), { isWide: true });
}

function rejectionDetail(rejection, close) {
  const { rejection_id: id, replayed_at: replayedAt, encoding, path, query } = rejection;
  const isFixed = Boolean(replayedAt) || !SENDABLE.test(path);
  const refusal = failure(problemOf(rejection));
  const body = h("textarea.code", {
    rows: 14,
    required: true,
    readonly: encoding !== "utf-8" || isFixed,
    value: drafts.get(id) ?? readableBody(rejection),
    oninput: () => drafts.set(id, body.value),
  });
  const bodyField = field("Body", body, { name: "body", hint: !replayedAt && hintOf(rejection) });
  const dismiss = dismissButton(rejection, close);
  const sendAgain = async () => {
    refusal.remove(); // what comes now is newer
    await replay(rejection);
    close();
  };
  return [
    refusal,
    facts([
      ["Arrived", `${exactTime(rejection.received_at)} (${viewerZone()})`],
      ["Path", query ? `${path}?${query}` : path],
      ["Content type", rejection.content_type || "none"],
      replayedAt && ["Sent again", exactTime(replayedAt)],
    ]),
    isFixed
      ? [bodyField, actions(dismiss)]
      : form({ content: bodyField, label: "Send again", submit: sendAgain, other: dismiss }),
  ];
}

function readableBody(rejection) {
  const json = parsedBody(rejection);
  return json ? JSON.stringify(json, null, 2) : rejection.body;
}

function hintOf({ truncated, encoding, path }) {
  if (!SENDABLE.test(path)) return "Only its sender can send it again.";
  if (encoding !== "utf-8") {
    return "Not text, so shown as Base64. It can only be sent again as it was.";
  }
  if (truncated) return "Only the first 64 kB were kept. Send a whole body.";
  return "Correct it here, and send it again. It counts from when it first came.";
}

// As it was or, where it was edited, as the draft.
async function replay({ rejection_id: id, content_type: type }) {
  const answer = await call("POST", `/rejections/v1/${id}/replay`, {
    body: drafts.get(id),
    type: type || undefined,
  });
  drafts.delete(id);
  const warnings = (answer.warnings ?? []).map(({ message }) => message);
  toast([`Sent again: ${answer.status}.`, ...warnings].join(" "));
}

function dismissButton({ rejection_id: id }, close) {
  const ask = () =>
    confirm({
      title: "Dismiss this?",
      text: "Its body and the reason are deleted for good.",
      label: "Dismiss",
      act: () => remove(`/rejections/v1/${id}`),
    });
  return askingButton("Dismiss", { ask, onDone: () => close() });
}
