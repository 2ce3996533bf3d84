// Whom alerts and reports tell: addresses of mail and URLs of webhooks, typed into one field.

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { field } from "./fields.js";

const isWebhook = text => text.includes("://");

/** As they are told of. A webhook's URL often is its password. @returns {string[]} */
export const recipientWords = ({ mail = [], webhooks = [] }) => [
  ...mail,
  ...webhooks.map(url => `${new URL(url).host} (webhook)`),
];

/** @returns {string} as the field shows them */
export const recipientsText = ({ mail = [], webhooks = [] }) => [...mail, ...webhooks].join("\n");

/** What was typed, as the API takes it. URLs may contain commas. @param {string} text */
export function recipientsOf(text) {
  const words = text
    .split(/\s+/)
    .flatMap(word => (isWebhook(word) ? word.replace(/[,;]+$/, "") : word.split(/[,;]/)))
    .filter(Boolean);
  return {
    mail: words.filter(word => !isWebhook(word)),
    webhooks: words.filter(isWebhook),
  };
}

/** The field at `state[name]`, which is the text. */
export function recipientsField(label, { state, name, at, hint, rows = 3, labelHidden }) {
  const control = h("textarea", {
    rows,
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "ann@example.com",
    value: state[name],
    oninput: () => {
      state[name] = control.value;
    },
  });
  return field(label, control, { name, at, hint, labelHidden });
}

/**
 * Does `act`. What a Problem says of a recipient is told of the field of all, and says of which.
 * @param {object} body what was sent
 * @param {Object<string, string>} fields pointers of fields, by the pointer in `body` of what they edit
 */
export async function tellingWhich(body, fields, act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const errors = error.errors.map(each => ownError(each, body, fields));
    throw new Problem(error.status, { detail: error.message, errors });
  }
}

function ownError(error, body, fields) {
  const { pointer, message } = error;
  if (fields[pointer]) return { ...error, pointer: fields[pointer] };
  const [, at, list, index] = /^(.*)\/(mail|webhooks?)(?:\/(\d+))?$/.exec(pointer) ?? [];
  if (!fields[at]) return error;
  const group = at
    .split("/")
    .slice(1)
    .reduce((part, key) => part[key], body);
  const recipient = index && group[list][index];
  return {
    ...error,
    pointer: fields[at],
    message: recipient ? `“${recipient}” ${message}` : message,
  };
}
