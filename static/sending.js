// How to send events to this server.

import { call, isAdmin, session } from "./api.js";
import { askingButton } from "./dialog.js";
import { actions, button, facts, fill, h, link } from "./dom.js";
import { confirmRemoval } from "./removal.js";
import { copyable, curlSnippet, snippet } from "./snippet.js";
import { failure } from "./states.js";

/** What stands for an API key where none is at hand. */
export const KEY_PLACEHOLDER = "YOUR_API_KEY";

const EVENTS_PATH = "/events/ingestion/v1";
const TEST_LOCATION = "test-location";

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

/** @param {string} [token] of a new key, while it is on show */
export function sendingInstructions(token = KEY_PLACEHOLDER) {
  const url = session.address + EVENTS_PATH;
  const urlWithKey = `${url}?api_key=${encodeURIComponent(token)}`;
  return h(
    "div.stack",
    unreachableWarning(url),
    h(
      "details",
      { open: true },
      h("summary", "HighLevel, API key in a header"),
      highLevelSteps(url, token),
    ),
    h(
      "details",
      h("summary", "HighLevel, API key in the URL"),
      h("p", "Where headers cannot be set: the same Custom Data, and this URL:"),
      snippet(urlWithKey, "URL with the API key"),
    ),
    h("details", h("summary", "curl"), curlSnippet({ url, key: token, body: EXAMPLE })),
    h("p", link("Help: HighLevel, step by step", "#/help/highlevel")),
  );
}

/**
 * A button that sends an event, and what became of it.
 * @param {{key?: string, location_id?: string}} [options] the key that sends it, without one that of the session; and a
 *   location that it may send to
 */
export function testEvent({ key = session.key, location_id = TEST_LOCATION } = {}) {
  const outcome = h("div", { role: "status" });
  const send = async () => {
    const body = { event_name: "Test event", location_id, distinct_id: `test ${Date.now()}` };
    try {
      const { event } = await call("POST", EVENTS_PATH, { body, key });
      fill(outcome, testEventSent(event, outcome));
    } catch (error) {
      fill(outcome, failure(error));
    }
  };
  return [actions(button("Send a test event", send)), outcome];
}

function testEventSent({ event_id, location_id }, outcome) {
  const isAlone = location_id === TEST_LOCATION;
  const ask = () =>
    confirmRemoval({
      title: "Remove the test event?",
      text: isAlone ? `${location_id} goes with it.` : "Nothing else goes with it.",
      label: "Remove",
      path: isAlone ? `/locations/v1/${location_id}` : `/events/v1/${event_id}`,
    });
  const onDone = () => fill(outcome);
  return actions(
    h("span", `It is stored, in ${location_id}.`),
    link("See it under Activity", "#/activity", "button small"),
    isAdmin() && askingButton("Remove it", { ask, onDone, kind: "small danger" }),
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
  const customData = Object.entries(CUSTOM_DATA).map(pair => pair.map(copyable));
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
      copyable("X-API-Key"),
      token === KEY_PLACEHOLDER
        ? " with your API key."
        : [" with this value:", snippet(token, "API key")],
    ),
    h("li", "Under Custom Data, add these keys with their values:", facts(customData)),
    h("li", "HighLevel warns that it does not know {{location.id}}. You can ignore that."),
  );
}
