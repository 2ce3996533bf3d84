// A form that shows errors of the API beside their fields.

import { actions, fill, h } from "./dom.js";
import { markAll, unmark } from "./fields.js";
import { failure } from "./states.js";

/**
 * A form with one button that sends it. A Problem of `submit(controls)` is shown beside the fields it is about, or as a whole.
 * @param {{content: any, label: string, submit: (controls: HTMLElement[]) => Promise, other?: HTMLElement, kind?: string}}
 *   options `label` and `kind` are the button's, `other` stands beside it
 */
export function form({ content, label, submit, other, kind = "primary" }) {
  const outcome = h("div");
  const send = h("button", { class: kind }, label);
  const element = h(
    "form.stack",
    { oninput: unmark, onsubmit },
    content,
    outcome,
    actions(send, other),
  );
  return element;

  async function onsubmit(event) {
    event.preventDefault();
    send.disabled = true;
    fill(outcome);
    try {
      await submit([...element.elements]);
    } catch (error) {
      if (!markAll(element, error)) fill(outcome, failure(error));
      element.querySelector("[aria-invalid=true]")?.focus();
    }
    send.disabled = false;
  }
}
