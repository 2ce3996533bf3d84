// How to send events here, and the wait for the first one.

import { get, isAdmin, publicAddress } from "./api.js";
import { announce, h, link, snippet } from "./dom.js";
import { load } from "./states.js";

const LOOK_MS = 2000;
const CUSTOM_DATA = [["event_name", "Offer Made"], ["distinct_id", "Offer Made {{contact.id}}"], ["location_id", "{{location.id}}"], ["properties.value", "{{opportunity.lead_value}}"]];

/** The three ways, with this server's address and the token where it is known. */
export function ways(address, token = "YOUR_TOKEN") {
  const url = `${address}/events/ingestion/v1`;
  const body = JSON.stringify({ event_name: "Offer Made", location_id: "my-location", distinct_id: "offer-1", properties: { value: 100 } });
  const code = (text) => h("code", text);
  return h("div.stack",
    isLocal(address) && h("p.note", h("strong", "HighLevel cannot reach this address. "), `${new URL(address).host} is known to this computer only. `,
      "Put the server behind a public https:// address and start it with --public-url; until then, try it with curl."),
    h("details", { open: true }, h("summary", "HighLevel, key in a header"), h("ol",
      h("li", "In the workflow, add the action ", h("strong", "Webhook"), " (not Custom Webhook), with method ", code("POST"), " and this URL:", snippet(url, "URL")),
      h("li", "Under Headers, add ", code("X-API-Key"), " with the token:", snippet(token, "Token")),
      h("li", "Under Custom Data, add:", h("table", h("thead", h("tr", h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value"))),
        h("tbody", CUSTOM_DATA.map((row) => h("tr", row.map((text) => h("td", code(text)))))))),
      h("li", "HighLevel warns that {{location.id}} is not a known value. That warning is safe to ignore."))),
    h("details", h("summary", "HighLevel, key in the URL"), h("p", "Where headers cannot be set, this URL does the same, with the same Custom Data:"),
      snippet(`${url}?api_key=${encodeURIComponent(token)}`, "URL with the key")),
    h("details", h("summary", "curl"), snippet(`curl ${url} -H 'X-API-Key: ${token}' -H 'Content-Type: application/json' -d '${body}'`, "curl command")));
}

const isLocal = (address) => /^https?:\/\/(localhost|127\.|\[::1\]|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|[^/:]+\.local\b)/.test(address);

/** Fills the box with the steps, and calls `onarrive()` when something has come. */
export function waiting(box, view, onarrive) {
  const steps = h("div");
  box.replaceChildren(h("div.card.stack", h("div.actions", h("span.pulse", { "aria-hidden": "true" }), h("h2", "Waiting for your first event")),
    h("p", "It appears here by itself as soon as it arrives."),
    isAdmin() && h("p", "You need an integration, whose token goes with each event. ", link("New integration", "#/settings/integrations/new", "button")), steps));
  const look = async () => {
    if (view.signal.aborted) return;
    if (document.hidden || !await hasArrived(view.signal)) {
      setTimeout(look, LOOK_MS);
      return;
    }
    announce("Your first event has arrived");
    onarrive();
  };
  look();
  load(steps, view.signal, publicAddress, (address) => ways(address));
}

/** Whether anything came, refused or not. While the server is away, nothing did. */
export async function hasArrived(signal) {
  try {
    const [{ events }, { rejections }] = await Promise.all([get("/events/v1", { order: "arrival", limit: 1 }, signal),
      isAdmin() ? get("/rejections/v1", { limit: 1 }, signal) : { rejections: [] }]);
    return events.length + rejections.length > 0;
  } catch {
    return false;
  }
}
