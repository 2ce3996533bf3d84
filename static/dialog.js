// Dialogs, and questions before something is lost.

import { button, fill, h } from "./dom.js";
import { form } from "./form.js";
import { toast } from "./notices.js";
import { loader } from "./states.js";

/**
 * Opens a dialog, and resolves to what close() was called with, or to undefined.
 * @param {(close: (result?: any) => void) => any} build makes the content
 * @param {{isWide?: boolean}} [options]
 */
export function dialog(title, build, { isWide = false } = {}) {
  return new Promise(resolve => {
    let result;
    let hasBegunBeside = false;
    const close = value => {
      result = value;
      box.close();
    };
    const box = h("dialog", {
      "aria-label": title,
      class: isWide && "wide",
      onclose: () => {
        box.remove();
        resolve(result);
      },
      onpointerdown: event => {
        hasBegunBeside = isBeside(box, event);
      },
      onclick: ({ target }) => {
        if (target === box && hasBegunBeside) close();
      },
    });
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

// Not at the dialog's own edge; nor does a selection that ends beside it begin there.
function isBeside(box, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = box.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}

/**
 * Asks before something is done; resolves to true once it is.
 * @param {{title: string, text: string, label: string, act?: (report: (text: string) => void) => Promise,
 *   preview?: () => string | Promise<string>, kind?: string}} question `label` and `kind` are the button's; `preview` says
 *   what it will affect; `act` does it, and may report how far it is
 */
export function confirm({
  title,
  text,
  label,
  act,
  preview = () => null,
  kind = "primary danger",
}) {
  return dialog(title, close => {
    const { box, load } = loader();
    const progress = h("div", { role: "status" });
    const submit = async () => {
      await act?.(report => fill(progress, report));
      if (act) toast("Done");
      close(true);
    };
    load(preview, effect =>
      form({
        content: [effect && h("p.strong", effect), progress],
        label,
        submit,
        other: cancelButton(close),
        kind,
      }),
    );
    return [h("p", text), box];
  });
}

/**
 * A button that asks first: where `ask` resolves to true, `onDone` follows.
 * @param {{ask: () => Promise<boolean>, onDone: () => void, kind?: string, spokenName?: string}} options
 */
export function askingButton(label, { ask, onDone, kind = "danger", spokenName }) {
  const onclick = async () => {
    if (await ask()) onDone();
  };
  return button(`${label} …`, onclick, kind, spokenName);
}

export const cancelButton = close => button("Cancel", () => close());
