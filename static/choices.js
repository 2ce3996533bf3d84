// Fields that choose locations and time zones.

import { locationName, locations } from "./api.js";
import { chipsField, combobox } from "./combobox.js";
import { mark, selectField } from "./fields.js";
import { isZone, viewerZone } from "./format.js";

/** A time zone at `state[name]`; empty means automatic. */
export function zoneField({ state, name, changed, hint }) {
  const box = combobox("Time zone", {
    state,
    name,
    placeholder: "Automatic",
    hint,
    suggest: () =>
      [...new Set([viewerZone(), "UTC", ...Intl.supportedValuesOf("timeZone")])].map(value => ({
        value,
      })),
    chosen: () => {
      const isWrong = state[name] && !isZone(state[name]);
      mark(box, isWrong && "There is no such zone.");
      changed?.();
    },
  });
  return box;
}

/** Several locations: `state.locations` is the array of their ids. */
export const locationsField = ({ state, changed, hint, placeholder }) =>
  chipsField("Locations", {
    state,
    name: "locations",
    changed,
    hint,
    placeholder,
    nameOf: locationName,
    suggest: () =>
      locations.map(({ location_id: id, name }) => ({
        value: id,
        text: name ?? id,
        hint: name ? id : "",
      })),
  });

/** One location or, as an empty `state.location_id`, all of them. */
export function locationField({ state, changed }) {
  const ids = locations.map(({ location_id }) => location_id);
  if (state.location_id && !ids.includes(state.location_id)) ids.push(state.location_id); // only the address knows it
  const choices = ids.map(id => ({ value: id, text: locationName(id) }));
  return selectField("Location", {
    choices: [{ value: "", text: "All locations" }, ...choices],
    state,
    name: "location_id",
    changed,
  });
}
