// What a part of a view shows while it has no data: loading, empty, refused, offline; and the dialogs.

import { Offline } from "./api.js";
import { announce, button, h } from "./dom.js";

const RETRY_MS = 3000;
const QUICK_MS = 200;

/**
 * Fills a box with what `ask(signal)` brings, by `draw(data)`; what stood there goes at once, so that it is never
 * taken for the new. Says that it loads only when that takes long enough to be noticed.
 */
export async function load(box, signal, ask, draw) {
  box.replaceChildren();
  box.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => { if (!signal.aborted) box.replaceChildren(loading()); }, QUICK_MS);
  try {
    const data = await ask(signal);
    if (signal.aborted) return;
    clearTimeout(timer);
    box.replaceChildren(...[draw(data)].flat());
  } catch (error) {
    clearTimeout(timer);
    if (signal.aborted) return;
    box.replaceChildren(failure(error, () => load(box, signal, ask, draw), signal));
  } finally {
    if (!signal.aborted) box.removeAttribute("aria-busy");
  }
}

export function loading(text = "Loading …") {
  return h("p.loading", text);
}

export function empty(title, text, ...actions) {
  return h("div.empty", h("h2", title), text && h("p", text), actions.length ? h("div.actions", actions) : null);
}

/** An error with a way on. When the server could not be reached, it is tried again by itself. */
export function failure(error, again, signal) {
  const offline = error instanceof Offline;
  if (!offline && !("status" in error)) console.error(error); // a defect of ours
  const message = offline ? "The server cannot be reached. Trying again …" : "status" in error ? error.message : "Something in this page went wrong.";
  if (offline && again) {
    const timer = setTimeout(() => { if (!signal?.aborted) again(); }, RETRY_MS);
    signal?.addEventListener("abort", () => clearTimeout(timer));
  }
  return h("div.failure", { role: "alert" }, h("p", message), again && button("Try again", again, "small"));
}

/** What is wrong, one line for each error the API names. */
export function problemList(problem) {
  const lines = problem.errors?.length ? problem.errors.map((each) => `${each.pointer || "body"}: ${each.message}`) : [problem.message];
  return h("ul.failure", { role: "alert" }, lines.map((line) => h("li", line)));
}

export function warnings(list) {
  return list.length ? h("ul.warnings", { "aria-label": "Warnings" }, list.map((each) => h("li", sentence(each.message)))) : null;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Dialogs

/** Opens a modal dialog; `build(close)` makes its content. Resolves to what close() was given. */
export function dialog(title, build, { wide = false, signal } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const heading = h("h2", { id: "dialog-title", tabindex: "-1" }, title);
    const box = h("dialog", { "aria-labelledby": "dialog-title", class: wide ? "wide" : null });
    const close = (result) => { box.returnValue = ""; box.result = result; box.close(); };
    box.append(h("div.dialog-head", heading, button("×", () => close(), "plain close", { "aria-label": "Close" })), ...[build(close, box)].flat());
    box.addEventListener("close", () => {
      box.remove();
      if (before?.isConnected) before.focus();
      resolve(box.result);
    });
    box.addEventListener("click", (event) => { if (event.target === box) close(); });
    signal?.addEventListener("abort", () => { if (box.open) close(); });
    document.body.append(box);
    box.showModal();
    heading.focus();
  });
}

/**
 * Asks before something is lost. `preview(box)` may show what goes; `act(tell)` does it and may tell how far it is.
 * Resolves to true once done.
 */
export function confirm(title, text, action, { preview, act = async () => {}, kind = "danger" } = {}) {
  return dialog(title, (close) => {
    const detail = h("div");
    const outcome = h("div", { role: "status" });
    const go = button(action, async () => {
      go.disabled = true;
      outcome.replaceChildren();
      try {
        await act((progress) => outcome.replaceChildren(h("p", progress)));
        close(true);
      } catch (error) {
        go.disabled = false;
        outcome.replaceChildren(failure(error));
      }
    }, kind);
    if (preview) {
      go.disabled = true;
      showPreview(detail, preview, go);
    }
    return [text && h("p", text), detail, outcome, h("div.actions", go, button("Cancel", () => close(false)))];
  });
}

async function showPreview(box, preview, go) {
  box.replaceChildren(loading("Counting …"));
  try {
    box.replaceChildren(h("p.strong", await preview()));
    go.disabled = false;
  } catch (error) {
    box.replaceChildren(failure(error, () => showPreview(box, preview, go)));
  }
}

/** A short note that goes by itself. */
export function toast(text) {
  const note = h("div.toast", text);
  document.body.append(note);
  announce(text);
  setTimeout(() => note.remove(), 4000);
}
