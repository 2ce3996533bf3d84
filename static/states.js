// What a part of a view shows while it has no data: loading, empty, refused, offline; lists, forms and dialogs.

import { OFFLINE, remove } from "./api.js";
import { actions, button, fill, h, markAll, toast } from "./dom.js";
import { count } from "./format.js";

const RETRY_MS = 3000;
const NOTICED_MS = 200;

let ended = new AbortController();

// What a view has asked for is given up when it ends, and its dialogs close.
export function endView() {
  ended.abort();
  ended = new AbortController();
  for (const each of document.querySelectorAll("dialog")) each.close();
}

/**
 * A box, and load(ask, draw), which fills it with what `ask(signal)` brings, by `draw(data)`. What stands there is dimmed
 * at once and goes soon, so that it is never taken for the new; what was asked before is given up.
 */
export function loader() {
  const box = h("div.stack");
  let current;
  return [box, load];

  async function load(ask, draw, troubled = failure) {
    current?.abort();
    current = new AbortController();
    const signal = AbortSignal.any([ended.signal, current.signal]);
    box.ariaBusy = "true";
    const timer = setTimeout(() => { if (!signal.aborted) fill(box, loading()); }, NOTICED_MS);
    const content = await (async () => ask(signal))().then((data) => !signal.aborted && draw(data))
      .catch((error) => !signal.aborted && troubled(error, () => load(ask, draw, troubled)));
    clearTimeout(timer);
    if (!signal.aborted) fill(box, content).ariaBusy = null;
  }
}

// A box with a list of pages, and what lists anew; `ask(cursor, signal)` brings a page, `draw(items, page)` shows all.
export function pages(noun, ask, draw) {
  const [box, load] = loader();
  const show = (before) => (page) => {
    const items = [...before, ...page[noun]];
    const [rest, next] = loader();
    const more = () => next((signal) => ask(page.next, signal), (answer) => {
      if (rest.isConnected) fill(box, show(items)({ ...page, ...answer }));
    });
    return [draw(items, page), page.next && fill(rest, button("Show more", more))];
  };
  return [box, () => load((signal) => ask(undefined, signal), show([]))];
}

export const loading = () => h("p.loading", "Loading …");

export const empty = (title, text, ...rest) => h("div.empty", h("h2", title), h("p", text), actions(rest));

// An error with a way on. When the server could not be reached, it is tried again by itself.
export function failure(error, again) {
  const known = "status" in error;
  if (!known) console.error(error); // a defect of ours
  const box = h("div.failure", { role: "alert" }, h("p", known ? error.message : "Something in this page went wrong."),
    again && button("Try again", again, "small"));
  if (error.status === OFFLINE) setTimeout(() => { if (box.isConnected) again?.(); }, RETRY_MS);
  return box;
}

export const warnings = (list) => list.length > 0 && h("ul.warnings", { "aria-label": "Warnings" },
  list.map(({ message }) => h("li", message.charAt(0).toUpperCase() + message.slice(1))));

// A form that tells what is wrong, where it is; what `act` did is done once only if it says so.
export function form(content, label, act, other, kind = "primary") {
  const outcome = h("div");
  const go = h("button", { class: kind }, label);
  const made = h("form.stack", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    fill(outcome);
    go.disabled = await act().catch((error) => { fill(outcome, !markAll(made, error) && failure(error)); }) ?? false;
  } }, content, outcome, actions(go, other));
  return made;
}

// Dialogs

// Opens a modal dialog; `build(close)` makes its content. Resolves to what close() was given.
export function dialog(title, build, wide = "") {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const heading = h("h2", { tabindex: "-1" }, title);
    let result;
    const close = (value) => { result = value; box.close(); };
    const onclose = () => {
      box.remove();
      before.focus();
      resolve(result);
    };
    const onclick = ({ target }) => { if (target === box) close(); }; // beside it
    const box = h("dialog", { "aria-label": title, class: wide, onclose, onclick });
    fill(box, h("div.page-head", heading, button("×", () => close(), "plain close", "Close")), build(close));
    document.body.append(box);
    box.showModal();
    heading.focus();
  });
}

// Asks before something is lost: `preview()` says what, `act(tell)` does it and may tell how far it is. Resolves to true once done.
export function confirm(title, text, label, act, preview = () => null) {
  return dialog(title, (close) => {
    const [box, load] = loader();
    const progress = h("div", { role: "status" });
    load(preview, (gone) => form([gone && h("p.strong", gone), progress], label, async () => {
      await act?.((said) => fill(progress, said));
      if (act) toast("Done");
      close(true);
    }, cancel(close), "primary danger"));
    return [h("p", text), box];
  });
}

// A button that asks first.
export const asking = (label, ask, then, kind = "danger", name) => button(`${label} …`, async () => { if (await ask()) then(); }, kind, name);

export const cancel = (close) => button("Cancel", () => close());

// Asks before a DELETE, with the counts of its dry run, and repeats it until nothing remains.
export const confirmRemoval = (title, text, label, path, query = {}) => confirm(title, text, label, async (tell) => {
  for (let left = true; left;) {
    ({ remaining: left } = await remove(path, query));
    if (left) tell(`${count(left, "row")} left …`);
  }
}, async () => {
  const gone = await remove(path, { ...query, dry_run: true });
  return ["event", "contact", "tag"].filter((noun) => `${noun}s` in gone).map((noun) => count(gone[`${noun}s`], noun)).join(", ");
});
