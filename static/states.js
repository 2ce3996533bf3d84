// What a view shows while it waits, where it has nothing, and when something failed.

import { actions, button, fill, h, refill } from "./dom.js";
import { capitalized } from "./format.js";

const RETRY_MS = 3000;
const NOTICEABLE_MS = 200;
const BUSY = [429, 503];

let openView = new AbortController();

/** Ends what the open view waits for, and closes its dialogs. */
export function endView() {
  openView.abort();
  openView = new AbortController();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

/**
 * A box, and `load(request, draw, onError)`, which fills it with what draw(answer) makes of the answer to request(signal).
 * What stands in the box is dimmed at once and goes soon, so that it is never taken for the new; an earlier request is
 * dropped. `onError(error, again, last)` makes what is shown instead; `last` is what was drawn last, or null. While the
 * server cannot be reached, which the page says once for all boxes, that stays, dimmed, and the request is tried again.
 *
 * `refresh(request, draw)` does the same for newer numbers of the same kind: what was drawn last stays until they are here,
 * also where the server is too busy to calculate them.
 */
export function loader() {
  const box = h("div.stack");
  let current;
  let last = null;

  async function load(request, draw, onError = failure, isQuiet = false) {
    current?.abort();
    current = new AbortController();
    const signal = AbortSignal.any([openView.signal, current.signal]);
    if (!isQuiet) box.ariaBusy = "true";
    const timer = setTimeout(() => {
      if (!signal.aborted && !isQuiet) fill(box, loading());
    }, NOTICEABLE_MS);
    let content;
    let isAway = false;
    try {
      const answer = await request(signal);
      if (!signal.aborted) {
        content = draw(answer);
        last = content;
      }
    } catch (error) {
      isAway = error.status === 0;
      const again = () => load(request, draw, onError);
      if (!isAway && !signal.aborted) content = onError(error, again, last);
    }
    clearTimeout(timer);
    if (signal.aborted) return;
    if (isAway) {
      fill(box, last ?? waiting());
      box.ariaBusy = "true";
      setTimeout(() => {
        if (!signal.aborted) load(request, draw, onError, true);
      }, RETRY_MS);
      return;
    }
    if (isQuiet) refill(box, content);
    else fill(box, content);
    box.ariaBusy = null;
  }

  const refresh = (request, draw) => load(request, draw, keepIfBusy, true);
  return { box, load, refresh };
}

const keepIfBusy = (error, again, last) =>
  last && BUSY.includes(error.status) ? last : failure(error, again);

/**
 * A box, and `load()`, which lists anew. `request(cursor, signal)` brings a page, whose items are under `noun`;
 * `draw(items, page)` shows all items so far.
 */
export function pages(noun, request, draw) {
  const { box, load } = loader();

  const show = before => page => {
    const items = [...before, ...page[noun]];
    const next = loader();
    const showMore = () =>
      next.load(
        signal => request(page.next, signal),
        answer => {
          if (next.box.isConnected) fill(box, show(items)({ ...page, ...answer }));
        },
      );
    return [draw(items, page), page.next && fill(next.box, button("Show more", showMore))];
  };

  return { box, load: () => load(signal => request(undefined, signal), show([])) };
}

export const loading = () => h("p.loading", "Loading …");
const waiting = () => h("p.loading", "Waiting for the server …");

/** What stands where there is nothing yet; the rest are buttons and links. */
export const empty = (title, text, ...buttons) =>
  h("div.empty", h("h2", title), h("p", text), actions(buttons));

/** What went wrong; with `again`, it can be tried again, which happens by itself when the server was unreachable. */
export function failure(error, again) {
  const isProblem = "status" in error;
  if (!isProblem) console.error(error); // a defect of this page
  const retries = error.status === 0 && again;
  const box = h(
    "div.failure",
    { role: "alert" },
    h("p", isProblem ? error.message : "Something in this page went wrong."),
    retries && h("p", "Trying again …"),
    again && button("Try again", again, "small"),
  );
  if (retries) {
    setTimeout(() => {
      if (box.isConnected) again();
    }, RETRY_MS);
  }
  return box;
}

/** The API's warnings. @param {{message: string}[]} list */
export function warnings(list) {
  if (!list.length) return null;
  return h(
    "ul.warnings",
    { "aria-label": "Warnings" },
    list.map(({ message }) => h("li", capitalized(message))),
  );
}
