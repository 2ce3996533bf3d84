// How to send events to this server.

import { session } from "./api.js";
import { facts, h, link } from "./dom.js";
import { curlSnippet, snippet } from "./snippet.js";

/** What stands for a token where none is at hand. */
export const TOKEN_PLACEHOLDER = "YOUR_TOKEN";

const CUSTOM_DATA = {
  event_name: "Offer Made",
  distinct_id: "Offer Made {{contact.id}}",
  location_id: "{{location.id}}",
  "properties.value": "{{opportunity.lead_value}}",
};
const EXAMPLE = {
  event_name: "Offer Made",
  location_id: "my-location",
  distinct_id: "offer-1",
  properties: { value: 100 },
};
// Names and addresses that only this computer or its network knows.
const PRIVATE_HOST = /^(localhost$|\[::1\]|(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\.)|\.local$/;

export function sendingInstructions(token = TOKEN_PLACEHOLDER) {
  const url = `${session.address}/events/ingestion/v1`;
  const urlWithKey = `${url}?api_key=${encodeURIComponent(token)}`;
  return h(
    "div.stack",
    unreachableWarning(url),
    h(
      "details",
      { open: true },
      h("summary", "HighLevel, key in a header"),
      highLevelSteps(url, token),
    ),
    h(
      "details",
      h("summary", "HighLevel, key in the URL"),
      h("p", "Where headers cannot be set: the same Custom Data, and this URL:"),
      snippet(urlWithKey, "URL with the key"),
    ),
    h("details", h("summary", "curl"), curlSnippet({ url, key: token, body: EXAMPLE })),
    h("p", link("Help: HighLevel, step by step", "#/help/highlevel")),
  );
}

function unreachableWarning(url) {
  const { host, hostname } = new URL(url);
  if (!PRIVATE_HOST.test(hostname)) return null;
  return h(
    "p.warnings",
    h("strong", "HighLevel cannot reach this address. "),
    `${host} is known to this computer only. `,
    "It needs a public https:// address, set with --public-url. Until then, try curl.",
  );
}

function highLevelSteps(url, token) {
  const customData = Object.entries(CUSTOM_DATA).map(([key, value]) => [
    h("code", key),
    h("code", value),
  ]);
  return h(
    "ol",
    h(
      "li",
      "In the workflow, add the action ",
      h("strong", "Webhook"),
      " (not Custom Webhook), with method ",
      h("code", "POST"),
      " and this URL:",
      snippet(url, "URL"),
    ),
    h(
      "li",
      "Under Headers, add ",
      h("code", "X-API-Key"),
      " with the token:",
      snippet(token, "Token"),
    ),
    h("li", "Under Custom Data, add:", facts(customData)),
    h("li", "HighLevel warns that it does not know {{location.id}}. That is safe to ignore."),
  );
}
