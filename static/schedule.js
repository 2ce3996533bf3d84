// When a report is sent.

import { session } from "./api.js";
import { zoneField } from "./choices.js";
import { fill, h } from "./dom.js";
import { selectField, textField } from "./fields.js";

const EVERY = { day: "Every day", week: "Every week", month: "Every month" };
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const DEFINED = [
  "name",
  "dashboard_id",
  "every",
  "weekday",
  "day",
  "hour",
  "timezone",
  "recipients",
  "paused",
];
const LAST_DAY = 31;

/** A report as the API takes it, of what it answers. */
export const bodyOf = report => Object.fromEntries(DEFINED.map(name => [name, report[name]]));

/** Such as "Mondays at 8:00". */
export function scheduleWords({ every, weekday, day, hour }) {
  const days = {
    day: "Daily",
    week: `${WEEKDAYS[weekday - 1]}s`,
    month: day === LAST_DAY ? "On the last day of the month" : `On day ${day} of the month`,
  };
  return `${days[every]} at ${hour}:00`;
}

/** The fields of `state`, whose values are texts. */
export function scheduleFields(state) {
  const box = h("div.pair");
  const draw = () =>
    fill(
      box,
      selectField("How often", { choices: EVERY, state, name: "every", changed: draw }),
      DAY_FIELDS[state.every](state),
      selectField("At", { choices: HOURS, state, name: "hour" }),
      zoneField({
        state,
        name: "timezone",
        hint: `Automatic: the server’s, ${session.timezone}`,
      }),
    );
  draw();
  return box;
}

const HOURS = Array.from({ length: 24 }, (_, hour) => ({
  value: String(hour),
  text: `${hour}:00`,
}));

const DAY_FIELDS = {
  day: () => null,
  week: state =>
    selectField("On", {
      choices: WEEKDAYS.map((text, index) => ({ value: String(index + 1), text })),
      state,
      name: "weekday",
    }),
  month: state =>
    textField("On day", {
      state,
      name: "day",
      type: "number",
      min: "1",
      hint: "31 is the last day of each month",
    }),
};
