// Locations: their names and time zones.

import { call, findLocation, isAdmin, loadLocations, locationName, pathOf } from "./api.js";
import { zoneField } from "./choices.js";
import { askingButton, cancelButton, dialog } from "./dialog.js";
import { actions, h, hint } from "./dom.js";
import { textField } from "./fields.js";
import { form } from "./form.js";
import { ago } from "./format.js";
import { toast } from "./notices.js";
import { confirmRemoval } from "./removal.js";
import { beginSettings } from "./settings.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

export function showLocations(view) {
  const { box, load } = loader();
  const head = {
    title: "Locations",
    lead: "A location comes with its first event or contact. Its time zone says when its days begin.",
  };
  beginSettings(view, head, box);
  const nothing = empty("No locations yet", "The first event or contact brings its location.");
  const show = () =>
    load(loadLocations, locations => table("Locations", columns(show), locations, nothing));
  show();
}

const columns = reload => [
  { head: "Name", cell: ({ location_id: id }) => locationName(id) },
  { head: "Location ID", cell: ({ location_id: id }) => h("code", id) },
  { head: "Time zone", cell: "timezone" },
  { head: "First seen", cell: location => ago(location.first_seen_at) },
  isAdmin() && { head: "Actions", cell: ({ location_id: id }) => locationActions(id, reload) },
];

function locationActions(id, reload) {
  const name = locationName(id);
  return actions(
    askingButton("Edit", {
      ask: () => openEditor(id),
      onDone: reload,
      kind: "small",
      spokenName: `Edit ${name}`,
    }),
    askingButton("Remove", {
      ask: () => confirmLocationRemoval(id),
      onDone: reload,
      kind: "small danger",
      spokenName: `Remove ${name}`,
    }),
  );
}

const addressOf = id => `/locations/v1/${pathOf(id)}`;

// Resolves to true once saved.
function openEditor(id) {
  const location = { ...findLocation(id) };
  const body = {}; // only what was edited: what is sent no longer follows the CRM
  const keep = name => () => {
    body[name] = location[name] || null;
  };
  return dialog("Edit location", close =>
    form({
      content: [
        hint(id),
        textField("Name", {
          state: location,
          name: "name",
          changed: keep("name"),
          hint: "Leave it empty to follow the CRM.",
        }),
        zoneField({
          state: location,
          name: "timezone",
          changed: keep("timezone"),
          hint: "Leave it empty to follow the CRM, or else the server.",
        }),
      ],
      label: "Save",
      submit: async () => {
        await call("PATCH", addressOf(id), { body });
        close(true);
        toast("Location saved");
      },
      other: cancelButton(close),
    }),
  );
}

const confirmLocationRemoval = id =>
  confirmRemoval({
    title: "Remove this location and everything in it?",
    text: `${locationName(id)}: its contacts and events are deleted for good.`,
    label: "Remove all",
    path: addressOf(id),
  });
