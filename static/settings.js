// The frame of all views under Settings.

import { h } from "./dom.js";
import { empty } from "./states.js";

const TABS = {
  "#/settings/integrations": "Integrations",
  "#/settings/locations": "Locations",
  "#/settings/alerts": "Alerts",
  "#/settings/reports": "Reports",
  "#/settings/sharing": "Sharing",
  "#/settings/events": "Events",
  "#/settings/api": "API",
};

/** Shows a view under Settings. @param {{title: string, buttons?: any, lead?: string}} head */
export function beginSettings(view, { title, buttons = [], lead = "" }, ...content) {
  const tabs = Object.entries(TABS).map(([href, text]) => {
    const isCurrent = view.address.startsWith(href);
    return h("a", { href, "aria-current": isCurrent && "page" }, text);
  });
  view.begin(
    title,
    buttons,
    h("nav", { "aria-label": "Settings" }, tabs),
    h("p.lead", lead),
    content,
  );
}

/** What others see of a view. @param {string} what such as "alerts" */
export const onlyAdmins = what =>
  empty("Only for admins", `Sign in with an admin key to see ${what}.`);
