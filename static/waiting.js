// How to send events here.

import { isAdmin, session } from "./api.js";
import { facts, h, link, snippet } from "./dom.js";

const CUSTOM_DATA = [["event_name", "Offer Made"], ["distinct_id", "Offer Made {{contact.id}}"], ["location_id", "{{location.id}}"],
  ["properties.value", "{{opportunity.lead_value}}"]];
const LOCAL = /^(localhost|127\..*|\[::1\]|10\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*|.*\.local)$/;

/** The three ways, with this server's address and the token where it is known. */
export function ways(token = "YOUR_TOKEN") {
  const url = `${session.address}/events/ingestion/v1`;
  const { host, hostname } = new URL(url);
  const body = JSON.stringify({ event_name: "Offer Made", location_id: "my-location", distinct_id: "offer-1", properties: { value: 100 } });
  return h("div.stack",
    LOCAL.test(hostname) && h("p.note", h("strong", "HighLevel cannot reach this address. "), `${host} is known to this computer only. `,
      "Put the server behind a public https:// address and start it with --public-url; until then, try it with curl."),
    h("details", { open: true }, h("summary", "HighLevel, key in a header"), h("ol",
      h("li", "In the workflow, add the action ", h("strong", "Webhook"), " (not Custom Webhook), with method ", h("code", "POST"), " and this URL:", snippet(url, "URL")),
      h("li", "Under Headers, add ", h("code", "X-API-Key"), " with the token:", snippet(token, "Token")),
      h("li", "Under Custom Data, add:", facts(CUSTOM_DATA.map((pair) => pair.map((text) => h("code", text))))),
      h("li", "HighLevel warns that {{location.id}} is not a known value. That warning is safe to ignore."))),
    h("details", h("summary", "HighLevel, key in the URL"), h("p", "Where headers cannot be set, this URL does the same, with the same Custom Data:"),
      snippet(`${url}?api_key=${encodeURIComponent(token)}`, "URL with the key")),
    h("details", h("summary", "curl"), snippet(`curl ${url} -H 'X-API-Key: ${token}' -H 'Content-Type: application/json' -d '${body}'`, "curl command")));
}

/** What is shown before anything has come. */
export const waiting = () => h("div.card.stack", h("div.actions", h("span.pulse", { "aria-hidden": "true" }), h("h2", "Waiting for your first event")),
  h("p", "It appears here by itself as soon as it arrives."),
  isAdmin() && h("p", "You need an integration, whose token goes with each event. ", link("New integration", "#/settings/integrations/new", "button")), ways());
