// Texts to copy, and files to download.

import { button, h } from "./dom.js";
import { toast } from "./notices.js";

const REVOKE_AFTER_MS = 10_000;

/** A text with a button that copies it. `label` names it to a screen reader. */
export function snippet(text, label) {
  return h(
    "div.snippet",
    h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", text)),
    button("Copy", () => copy(text), "small"),
  );
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("Copy it by hand"); // browsers have no clipboard without https
  }
}

/**
 * A curl command. Without a key it sends none.
 * @param {{url: string, method?: string, key?: string, body?: object}} request `method` is needed where curl would not
 *   take it by itself: it sends GET without a body and POST with one
 */
function curlCommand({ url, method, key, body }) {
  const parts = ["curl", shellWord(url)];
  if (method && method !== (body === undefined ? "GET" : "POST")) parts.push("-X", method);
  if (key) parts.push("-H", quoted(`X-API-Key: ${key}`));
  if (body !== undefined) {
    parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  }
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
