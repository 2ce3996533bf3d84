// What a view shows while it has no data; lists, forms and dialogs.

import { remove } from "./api.js";
import { actions, button, fill, h, mark, markAll, toast } from "./dom.js";
import { count } from "./format.js";

const RETRY_MS = 3000;
const NOTICED_MS = 200;

let ended = new AbortController();

export function endView() {
  ended.abort();
  ended = new AbortController();
  for (const each of document.querySelectorAll("dialog")) each.close();
}

/**
 * A box, and load(ask, draw), which fills it with what `ask(signal)` brings, by `draw(data)`. What stands there is dimmed
 * at once and goes soon, so that it is never taken for the new; what was asked before is dropped.
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
    const timer = setTimeout(() => {
      if (!signal.aborted) fill(box, loading());
    }, NOTICED_MS);
    const content = await (async () => ask(signal))()
      .then(data => !signal.aborted && draw(data))
      .catch(error => !signal.aborted && troubled(error, () => load(ask, draw, troubled)));
    clearTimeout(timer);
    if (!signal.aborted) fill(box, content).ariaBusy = null;
  }
}

// A box, and what lists anew; `ask(cursor, signal)` brings a page, `draw(items, page)` shows all.
export function pages(noun, ask, draw) {
  const [box, load] = loader();
  const show = before => page => {
    const items = [...before, ...page[noun]];
    const [rest, next] = loader();
    const more = () =>
      next(
        signal => ask(page.next, signal),
        answer => {
          if (rest.isConnected) fill(box, show(items)({ ...page, ...answer }));
        },
      );
    return [draw(items, page), page.next && fill(rest, button("Show more", more))];
  };
  return [box, () => load(signal => ask(undefined, signal), show([]))];
}

export const loading = () => h("p.loading", "Loading …");

export const empty = (title, text, ...rest) =>
  h("div.empty", h("h2", title), h("p", text), actions(rest));

// An unreachable server is tried again by itself.
export function failure(error, again) {
  const known = "status" in error;
  if (!known) console.error(error); // a defect of ours
  const box = h(
    "div.failure",
    { role: "alert" },
    h("p", known ? error.message : "Something in this page went wrong."),
    again && button("Try again", again, "small"),
  );
  if (error.status === 0)
    setTimeout(() => {
      if (box.isConnected) again?.();
    }, RETRY_MS);
  return box;
}

export const warnings = list =>
  list.length > 0 &&
  h(
    "ul.warnings",
    { "aria-label": "Warnings" },
    list.map(({ message }) => h("li", message.charAt(0).toUpperCase() + message.slice(1))),
  );

// Tells what is wrong where it is; what `act(fields)` did is done once only if it says so.
export function form(content, label, act, other, kind = "primary") {
  const outcome = h("div");
  const go = h("button", { class: kind }, label);
  const oninput = ({ target }) => {
    const box = target.closest("[data-pointer]");
    if (box) mark(box, "");
  };
  const made = h(
    "form.stack",
    {
      oninput,
      onsubmit: async event => {
        event.preventDefault();
        go.disabled = true;
        fill(outcome);
        go.disabled =
          (await act([...made.elements]).catch(error => {
            fill(outcome, !markAll(made, error) && failure(error));
          })) ?? false;
      },
    },
    content,
    outcome,
    actions(go, other),
  );
  return made;
}

// Dialogs

// `build(close)` makes the content. Resolves to what close() was given.
export function dialog(title, build, wide = "") {
  return new Promise(resolve => {
    let result;
    const close = value => {
      result = value;
      box.close();
    };
    const onclose = () => {
      box.remove();
      resolve(result);
    };
    const onclick = ({ target }) => {
      if (target === box) close();
    }; // beside it
    const box = h("dialog", { "aria-label": title, class: wide, onclose, onclick });
    fill(
      box,
      h(
        "div.page-head",
        h("h2", { tabindex: "-1", autofocus: true }, title),
        button("×", () => close(), "plain close", "Close"),
      ),
      build(close),
    );
    document.body.append(box);
    box.showModal();
  });
}

// `preview()` says what will be lost, `act(tell)` does it and may tell how far it is. Resolves to true once done.
export function confirm(title, text, label, act, preview = () => null) {
  return dialog(title, close => {
    const [box, load] = loader();
    const progress = h("div", { role: "status" });
    load(preview, gone =>
      form(
        [gone && h("p.strong", gone), progress],
        label,
        async () => {
          await act?.(said => fill(progress, said));
          if (act) toast("Done");
          close(true);
        },
        cancel(close),
        "primary danger",
      ),
    );
    return [h("p", text), box];
  });
}

export const asking = (label, ask, then, kind = "danger", name) =>
  button(
    `${label} …`,
    async () => {
      if (await ask()) then();
    },
    kind,
    name,
  );

export const cancel = close => button("Cancel", () => close());

// Before a DELETE, with the counts of its dry run; repeats it until nothing remains.
export const confirmRemoval = (title, text, label, path, query = {}) =>
  confirm(
    title,
    text,
    label,
    async tell => {
      for (let left = true; left; ) {
        ({ remaining: left } = await remove(path, query));
        if (left) tell(`${count(left, "row")} left …`);
      }
    },
    async () => {
      const gone = await remove(path, { ...query, dry_run: true });
      return ["event", "contact", "tag"]
        .filter(noun => `${noun}s` in gone)
        .map(noun => count(gone[`${noun}s`], noun))
        .join(", ");
    },
  );
