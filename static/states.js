// What a part of a view shows while it has no data: loading, empty, refused, offline; pages of a list; forms and dialogs.

import { newest, Offline } from "./api.js";
import { actions, announce, button, fill, h, markAll, newId } from "./dom.js";

const RETRY_MS = 3000;

/**
 * Makes load(ask, draw), which fills the box with what `ask(signal)` brings, by `draw(data, signal)`. What stood there goes at
 * once, so that it is never taken for the new, and what was asked before is given up. That it loads is said only when
 * it takes long enough to be noticed.
 */
export function loader(box, outer) {
  const starting = newest(outer);
  return async function load(ask, draw) {
    const signal = starting();
    box.replaceChildren();
    box.ariaBusy = "true";
    const timer = setTimeout(() => { if (!signal.aborted) fill(box, loading()); }, 200);
    const show = (...content) => {
      clearTimeout(timer);
      fill(box, content).ariaBusy = null;
    };
    try {
      const data = await ask(signal);
      if (!signal.aborted) show(draw(data, signal));
    } catch (error) {
      if (!signal.aborted) show(failure(error, () => load(ask, draw), signal));
    }
  };
}

/** A list whose pages come under each other; `ask(cursor, signal)` brings one, `draw(items, page)` shows all that have come. */
export function pages(box, load, noun, ask, draw) {
  const items = [];
  const show = (page, signal) => {
    items.push(...page[noun]);
    const rest = h("div");
    const next = loader(rest, signal);
    rest.append(button("Show more", () => next(() => ask(page.next, signal), (more) => { fill(box, show({ ...page, ...more }, signal)); })));
    return [draw(items, page), page.next && rest];
  };
  load((signal) => {
    items.length = 0;
    return ask(null, signal);
  }, show);
}

export const loading = (text = "Loading …") => h("p.loading", text);

export const empty = (title, text, ...rest) => h("div.empty", h("h2", title), h("p", text), actions(rest));

/** An error with a way on. When the server could not be reached, it is tried again by itself. */
export function failure(error, again, signal) {
  const offline = error instanceof Offline;
  if (!offline && !("status" in error) && error.name !== "AbortError") console.error(error); // a defect of ours
  if (offline && again) {
    const timer = setTimeout(again, RETRY_MS);
    signal?.addEventListener("abort", () => clearTimeout(timer));
  }
  const text = offline ? "The server cannot be reached. Trying again …" : "status" in error ? error.message : "Something in this page went wrong.";
  return h("div.failure", { role: "alert" }, h("p", text), again && button("Try again", again, "small"));
}

/** A line for each error that the API names, else what it says of all. */
export function problemList({ errors, message, detail }) {
  const lines = errors?.length ? errors.map((each) => `${each.pointer || "body"}: ${each.message}`) : [message ?? detail];
  return h("ul.failure", { role: "alert" }, lines.map((line) => h("li", line)));
}

export const warnings = (list) => list.length > 0 && h("ul.warnings", { "aria-label": "Warnings" },
  list.map(({ message }) => h("li", message.charAt(0).toUpperCase() + message.slice(1))));

/** A form that tells what the API finds wrong, where it is. */
export function form(content, label, act, ...others) {
  const outcome = h("div");
  const go = h("button.primary", label);
  const made = h("form.stack", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    outcome.replaceChildren();
    try {
      await act();
    } catch (error) {
      if (markAll(made, error.errors ?? []).length || !error.errors?.length) fill(outcome, failure(error));
    }
    go.disabled = false;
  } }, content, outcome, actions(go, others));
  return made;
}

// Dialogs

/** Opens a modal dialog; `build(close)` makes its content. Resolves to what close() was given. */
export function dialog(title, build, { wide, signal } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const heading = h("h2", { id: newId(), tabindex: "-1" }, title);
    const box = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : null });
    let result;
    const close = (value) => { result = value; box.close(); };
    fill(box, h("div.page-head", heading, button("×", () => close(), "plain close", { "aria-label": "Close" })), build(close));
    box.addEventListener("close", () => {
      box.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    box.addEventListener("click", (event) => { if (event.target === box) close(); }); // beside it
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
        await act((progress) => fill(outcome, progress));
        close(true);
      } catch (error) {
        go.disabled = false;
        fill(outcome, failure(error));
      }
    }, "danger", { disabled: preview !== null });
    if (preview) {
      loader(detail, new AbortController().signal)(preview, (said) => {
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
