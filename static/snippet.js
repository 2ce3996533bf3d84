// Texts to copy, and files to download.

import { button, h } from "./dom.js";
import { toast } from "./notices.js";

const REVOKE_AFTER_MS = 10_000;

/** A text with a button that copies it. `label` names it to a screen reader. */
export function snippet(text, label) {
  return h(
    "div.snippet",
    h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)),
    button("Copy", event => copy(text, event.currentTarget), "small"),
  );
}

/** A short text within others, as a button that copies it. */
export const copyable = text =>
  button(
    [h("code", text), " ", h("span.hint", "Copy")],
    event => copy(text, event.currentTarget),
    "copyable",
  );

async function copy(text, pressed) {
  const isCopied = navigator.clipboard
    ? await navigator.clipboard.writeText(text).then(...OUTCOMES)
    : copySelected(text, pressed);
  toast(isCopied ? "Copied" : "The browser did not let us: copy it by hand");
}

const OUTCOMES = [() => true, () => false];

// Without https browsers have no other clipboard. It takes a selection, in a dialog only one within it.
function copySelected(text, pressed) {
  const selected = h("textarea.hidden", { value: text, readonly: true });
  pressed.after(selected);
  selected.select();
  const isCopied = document.execCommand("copy");
  selected.remove();
  pressed.focus();
  return isCopied;
}

/**
 * A curl command. Without a key it sends none.
 * @param {{url: string, method?: string, key?: string, body?: object, file?: string}} request `method` is needed where
 *   curl would not take it by itself: it sends GET without a body and POST with one. `file` is the name of a file to send
 */
function curlCommand({ url, method, key, body, file }) {
  const parts = ["curl", shellWord(url)];
  if (method && method !== (body === undefined ? "GET" : "POST")) parts.push("-X", method);
  if (key) parts.push("-H", quoted(`X-API-Key: ${key}`));
  if (body !== undefined) {
    parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  }
  if (file) parts.push("--data-binary", `@${file}`);
  return parts.join(" ");
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
const shellWord = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text));

/** A curl command to copy; see curlCommand(). */
export const curlSnippet = (request, label = "curl command") =>
  snippet(curlCommand(request), label);

/** Saves a text as a file. */
export function download(name, type, text) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), REVOKE_AFTER_MS);
}

/** A text as the name of a file, without its end. */
export const fileName = text => text.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
