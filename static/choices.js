// Fields that choose locations, event names, tags and time zones.

import { get, locationName, locations } from "./api.js";
import { chipsField, combobox } from "./combobox.js";
import { mark, selectField } from "./fields.js";
import { count, isZone, viewerZone } from "./format.js";

const SHARED_MS = 10_000;

/** One event name, or none. `changed` follows a choice, not every keystroke. */
export const eventNameField = ({ state, name, changed, placeholder, at, hint }) =>
  choiceField("Event name", {
    state,
    name,
    changed,
    placeholder,
    at,
    hint,
    suggest: shared(async () => {
      const { event_names } = await get("/event-names/v1");
      const names = new Set(event_names.map(({ event_name }) => event_name));
      return [...names].sort((one, other) => one.localeCompare(other)).map(value => ({ value }));
    }),
  });

/** One tag, or none, in the same way. */
export const tagField = ({ state, name, changed, placeholder }) =>
  choiceField("Tag", {
    state,
    name,
    changed,
    placeholder,
    suggest: shared(async () => {
      const { tags } = await get("/contact-fields/v1");
      return tags.map(({ tag, contacts }) => ({ value: tag, hint: count(contacts, "contact") }));
    }),
  });

function choiceField(label, options) {
  const { state, name, changed } = options;
  let last = state[name];
  const follow = () => {
    if (state[name] === last) return;
    last = state[name];
    changed?.();
  };
  const followIfEmpty = () => {
    if (!state[name]) follow();
  };
  return combobox(label, { ...options, changed: followIfEmpty, chosen: follow });
}

// Keystrokes come faster than answers, and share one for a while. Without an answer nothing is suggested: what is wrong with
// the server, the view tells.
function shared(load) {
  let answer;
  let loadedAt = 0;
  return () => {
    if (Date.now() - loadedAt > SHARED_MS) {
      loadedAt = Date.now();
      answer = load().catch(() => []);
    }
    return answer;
  };
}

/** A time zone at `state[name]`; empty means automatic. */
export function zoneField({ state, name, changed, hint, at }) {
  const box = combobox("Time zone", {
    state,
    name,
    at,
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
export const locationsField = ({ state, changed, hint, placeholder, at }) =>
  chipsField("Locations", {
    state,
    name: "locations",
    changed,
    at,
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
