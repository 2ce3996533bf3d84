// Deleting events by filter.

import { Problem } from "./api.js";
import { eventNameField, locationField } from "./choices.js";
import { cancelButton, dialog } from "./dialog.js";
import { hint } from "./dom.js";
import { textField } from "./fields.js";
import { form } from "./form.js";
import { cut, viewerZone } from "./format.js";
import { confirmRemoval } from "./removal.js";

const VALUE_CHARACTERS = 80;

/** Asks which events, begins with a feed's filter; resolves to true where they were deleted. */
export function openDeletion({ location_id, name }) {
  const filter = { location_id, event_name: name };
  const momentField = (label, end, hintText) =>
    textField(label, { state: filter, name: end, type: "datetime-local", hint: hintText });
  return dialog("Delete events", close =>
    form({
      content: [
        hint("All events that match are deleted. First you see how many."),
        locationField({ state: filter }),
        eventNameField({ state: filter, name: "event_name", placeholder: "All events" }),
        textField("Contact ID", { state: filter, name: "contact_id" }),
        momentField("From", "from", `In your time zone, ${viewerZone()}`),
        momentField("Before", "to"),
      ],
      label: "Delete …",
      submit: async controls => {
        if (await confirmDeletion(filter, filterText(controls))) close(true);
      },
      other: cancelButton(close),
      kind: "danger",
    }),
  );
}

// The filled fields, as they are labelled.
const filterText = controls =>
  controls
    .filter(({ value }) => value)
    .map(({ labels: [label], selectedOptions, value }) => {
      const text = selectedOptions?.[0].text ?? value;
      return `${label.textContent}: ${cut(text, VALUE_CHARACTERS)}`;
    })
    .join(", ");

function confirmDeletion(filter, text) {
  if (!text) throw new Problem(422, { detail: "Fill in at least one of these." });
  if (filter.to && filter.to <= filter.from) {
    const error = { pointer: "/to", message: "Must be later than From." };
    throw new Problem(422, { errors: [error] });
  }
  return confirmRemoval({
    title: "Delete these events?",
    text: `${text}. They are gone for good.`,
    label: "Delete them",
    path: "/events/v1",
    query: { ...filter, from: instant(filter.from), to: instant(filter.to) },
  });
}

const instant = localTime => localTime && new Date(localTime).toISOString();
