// How to send events here, and the wait for the first one.

import { get, isAdmin, publicAddress } from "./api.js";
import { announce, h, link, snippet } from "./dom.js";
import { failure } from "./states.js";

const LOOK_MS = 2000;

// The three ways, with this server's address and the token where it is known

export function ways(address, token = "YOUR_TOKEN") {
  const ingestion = `${address}/events/ingestion/v1`;
  return h("div.ways",
    isLocal(address) ? h("p.note", h("strong", "HighLevel cannot reach this address. "),
      `${new URL(address).host} is known to this computer only. Put the server behind a public https:// address and start it with --public-url; until then, try it with curl.`) : null,
    way("HighLevel, key in a header", true,
      h("ol",
        h("li", "In the workflow, add the action ", h("strong", "Webhook"), " (not Custom Webhook), with method ", code("POST"), " and this URL:", snippet(ingestion, "URL")),
        h("li", "Under Headers, add ", code("X-API-Key"), " with the token:", snippet(token, "Token")),
        h("li", "Under Custom Data, add:", customData()),
        h("li", "HighLevel warns that {{location.id}} is not a known value. That warning is safe to ignore."))),
    way("HighLevel, key in the URL", false,
      h("p", "Where headers cannot be set, this URL does the same, with the same Custom Data:"), snippet(`${ingestion}?api_key=${encodeURIComponent(token)}`, "URL with the key")),
    way("curl", false, h("p", "From a terminal:"), snippet(curl(ingestion, token), "curl command")));
}

function way(title, open, ...content) {
  return h("details", { open }, h("summary", title), content);
}

const code = (text) => h("code", text);

function customData() {
  const entries = [["event_name", "Offer Made"], ["distinct_id", "Offer Made {{contact.id}}"], ["location_id", "{{location.id}}"], ["properties.value", "{{opportunity.lead_value}}"]];
  return h("table.plain-table", h("thead", h("tr", h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value"))),
    h("tbody", entries.map(([key, value]) => h("tr", h("td", code(key)), h("td", code(value))))));
}

function curl(url, token) {
  const body = JSON.stringify({ event_name: "Offer Made", location_id: "my-location", distinct_id: "offer-1", properties: { value: 100 } });
  return `curl ${url} -H 'X-API-Key: ${token}' -H 'Content-Type: application/json' -d '${body}'`;
}

function isLocal(address) {
  const { hostname } = new URL(address);
  return /^(localhost|127\.|\[::1\]|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(hostname) || hostname.endsWith(".local");
}

// The wait

/** Fills the box with the steps, and calls `onarrive()` when something has come. */
export async function waiting(box, view, onarrive) {
  const steps = h("div");
  box.replaceChildren(h("div.card", h("div.waiting", h("span.pulse", { "aria-hidden": "true" }), h("h2", "Waiting for your first event")),
    h("p", "It appears here by itself as soon as it arrives."),
    isAdmin() ? h("p", "You need an integration, whose token goes with each event. ", link("New integration", "#/settings/integrations/new", "button")) : null, steps));
  look(view, onarrive);
  try {
    steps.replaceChildren(ways(await publicAddress(view.signal)));
  } catch (error) {
    if (!view.signal.aborted) steps.replaceChildren(failure(error));
  }
}

async function look(view, onarrive) {
  if (view.signal.aborted) return;
  if (!document.hidden && await hasArrived(view.signal)) {
    announce("Your first event has arrived");
    onarrive();
  } else {
    setTimeout(() => look(view, onarrive), LOOK_MS);
  }
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
