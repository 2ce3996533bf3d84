// What a part of a view shows while it has no data: loading, empty, refused, offline; pages of a list; and the dialogs.

import { Offline } from "./api.js";
import { actions, announce, button, h, newId } from "./dom.js";

const RETRY_MS = 3000;

/**
 * Fills a box with what `ask(signal)` brings, by `draw(data)`; what stood there goes at once, so that it is never
 * taken for the new. Says that it loads only when that takes long enough to be noticed.
 */
export async function load(box, signal, ask, draw) {
  box.replaceChildren();
  box.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => { if (!signal.aborted) box.replaceChildren(loading()); }, 200);
  let shown;
  try {
    const data = await ask(signal);
    if (!signal.aborted) shown = [draw(data)].flat();
  } catch (error) {
    if (!signal.aborted) shown = [failure(error, () => load(box, signal, ask, draw), signal)];
  }
  clearTimeout(timer);
  if (signal.aborted) return;
  box.replaceChildren(...shown);
  box.removeAttribute("aria-busy");
}

/** A list whose pages come under each other; `ask(cursor)` brings one, `draw(items, page)` shows all that have come. */
export function pages(box, signal, noun, ask, draw) {
  let items = [];
  const show = (page) => [draw(items, page), page.next ? more(page) : []].flat();
  const more = (page) => {
    const rest = h("div");
    rest.append(button("Show more", () => load(rest, signal, () => ask(page.next), (next) => {
      items = [...items, ...next[noun]];
      box.replaceChildren(...show({ ...page, ...next }));
      return [];
    })));
    return rest;
  };
  load(box, signal, () => ask(null), (page) => {
    items = page[noun];
    return show(page);
  });
}

export const loading = (text = "Loading …") => h("p.loading", text);

export const empty = (title, text, ...rest) => h("div.empty", h("h2", title), text && h("p", text), rest.length ? actions(rest) : null);

/** An error with a way on. When the server could not be reached, it is tried again by itself. */
export function failure(error, again, signal) {
  const offline = error instanceof Offline;
  if (!offline && !("status" in error) && error.name !== "AbortError") console.error(error); // a defect of ours
  if (offline && again) {
    const timer = setTimeout(() => { if (!signal?.aborted) again(); }, RETRY_MS);
    signal?.addEventListener("abort", () => clearTimeout(timer));
  }
  const text = offline ? "The server cannot be reached. Trying again …" : "status" in error ? error.message : "Something in this page went wrong.";
  return h("div.failure", { role: "alert" }, h("p", text), again && button("Try again", again, "small"));
}

/** What is wrong, a line for each error that the API names. */
export function problemList({ errors, message, detail }) {
  const lines = errors?.length ? errors.map((each) => `${each.pointer || "body"}: ${each.message}`) : [message ?? detail];
  return h("ul.failure", { role: "alert" }, lines.map((line) => h("li", line)));
}

export const warnings = (list) => (list.length ? h("ul.warnings", { "aria-label": "Warnings" }, list.map(({ message }) =>
  h("li", message.charAt(0).toUpperCase() + message.slice(1)))) : null);

// Dialogs

/** Opens a modal dialog; `build(close)` makes its content. Resolves to what close() was given. */
export function dialog(title, build, { wide, signal } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const heading = h("h2", { id: newId(), tabindex: "-1" }, title);
    const box = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : null });
    let result;
    const close = (value) => { result = value; box.close(); };
    box.append(h("div.page-head", heading, button("×", () => close(), "plain close", { "aria-label": "Close" })), ...[build(close)].flat().filter(Boolean));
    box.addEventListener("close", () => {
      box.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    box.addEventListener("click", (event) => { if (event.target === box) close(); });
    signal?.addEventListener("abort", () => close());
    document.body.append(box);
    box.showModal();
    heading.focus();
  });
}

/**
 * Asks before something is lost. `preview()` says what goes, `act(tell)` does it and may tell how far it is.
 * Resolves to true once done.
 */
export function confirm(title, text, label, act = () => {}, preview = null) {
  return dialog(title, (close) => {
    const detail = h("div");
    const outcome = h("div", { role: "status" });
    const go = button(label, async () => {
      go.disabled = true;
      try {
        await act((progress) => outcome.replaceChildren(progress));
        close(true);
      } catch (error) {
        go.disabled = false;
        outcome.replaceChildren(failure(error));
      }
    }, "danger");
    if (preview) {
      go.disabled = true;
      load(detail, new AbortController().signal, preview, (said) => {
        go.disabled = false;
        return h("p.strong", said);
      });
    }
    return [h("p", text), detail, outcome, actions(go, button("Cancel", () => close(false)))];
  });
}

/** A short note that goes by itself. */
export function toast(text) {
  const note = h("div.toast", text);
  document.body.append(note);
  announce(text);
  setTimeout(() => note.remove(), 4000);
}
