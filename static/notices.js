// Short notes that go by themselves, for the eye and for screen readers.

import { fill, h } from "./dom.js";

const VISIBLE_MS = 4000;

/** Has a screen reader say a text. */
export const announce = text => fill(document.getElementById("announcer"), text);

/** Shows a text for a moment, in place of the one before. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const note = h("div.toast", { "aria-hidden": "true" }, text); // it is announced below
  document.body.append(note);
  announce(text);
  setTimeout(() => note.remove(), VISIBLE_MS);
}
