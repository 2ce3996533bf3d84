// What the editors of alerts and reports have in common: saving, previewing, and asking before something is lost.

import { post, put } from "./api.js";
import { dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { markAll } from "./fields.js";
import { form } from "./form.js";
import { toast } from "./notices.js";
import { failure } from "./states.js";

/**
 * The card of an editor, with its buttons.
 * @param view which is left for `address` once it is saved
 * @param {{element: HTMLElement, body: object, send: (act: (body: object) => Promise) => Promise,
 *   showPreview: (found: object) => void}} editor `send` gives `act` the body, and says which field a Problem is about
 * @param {{path: string, id: string, address: string}} options the API's path; `id` is "new" for one that is not saved yet
 */
export function editorCard(view, editor, { path, id, address }) {
  const original = JSON.stringify(editor.body);
  view.hasUnsavedChanges = () => JSON.stringify(editor.body) !== original;
  const submit = async () => {
    await editor.send(body => (id === "new" ? post(path, body) : put(`${path}/${id}`, body)));
    view.hasUnsavedChanges = () => false;
    toast("Saved");
    location.hash = address;
  };
  const preview = async ({ currentTarget: { form: shownForm } }) => {
    try {
      const found = await editor.send(body => post(`${path}/preview`, body));
      markAll(shownForm, {});
      editor.showPreview(found);
    } catch (error) {
      if (!markAll(shownForm, error)) dialog("Preview", () => failure(error));
      shownForm.querySelector("[aria-invalid=true]")?.focus();
    }
  };
  const other = button("Preview", preview);
  return h("div.card", form({ content: editor.element, label: "Save", submit, other }));
}
