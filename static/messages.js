// What alerts and reports had to tell: what was sent, waits, or failed and why; and a test.

import { get, post } from "./api.js";
import { button, fill, h, hint, link } from "./dom.js";
import { textField } from "./fields.js";
import { form } from "./form.js";
import { capitalized, time } from "./format.js";
import { tellingWhich } from "./recipients.js";
import { failure, pages } from "./states.js";
import { table } from "./table.js";

const LOOKED_AT = 20; // messages that tell whether sending works
const TEST_LOOK_MS = 1000;
const PATIENCE_MS = 10_000; // after which a test that nobody sent is no longer a matter of seconds
const STATES = {
  waiting: ["waits", "replaced"],
  sending: ["is being sent", "replaced"],
  sent: ["sent", "accepted"],
  failed: ["failed", "refused"],
};

/**
 * Why nothing is sent, as the newest message tells that knows; nothing where the newest one that was tried was sent.
 * It fills the box itself.
 */
export function sendingTrouble() {
  const box = h("div");
  const look = async () => {
    const { messages } = await get("/messages/v1", { limit: LOOKED_AT });
    const last = messages.find(({ outcome }) => outcome);
    if (!last || last.state === "sent") return;
    fill(
      box,
      h(
        "p.warnings",
        h("strong", "The last message was not sent. "),
        `To ${last.recipient}: ${last.outcome}. `,
        link("How to set up sending", "#/help/sending"),
      ),
    );
  };
  look().catch(() => {}); // the list below tells what is wrong with the server
  return box;
}

/** The list of messages. @param {string} [about] such as `alert 1`; else all of them */
export function messagesCard(about) {
  const nothing = hint("Nothing yet. What is told appears here, and what came of it.");
  const { box, load } = pages(
    "messages",
    (cursor, signal) => get("/messages/v1", { about, cursor, limit: LOOKED_AT }, signal),
    messages => table("Messages", COLUMNS, messages, nothing),
  );
  load();
  return h(
    "section.card.stack",
    h(
      "div.page-head",
      h("h2", "Messages"),
      button("Look again", load, "small", "Look again at the messages"),
    ),
    box,
  );
}

const COLUMNS = [
  { head: "Message", cell: message => h("div.clamp", message.title) },
  { head: "What came of it", cell: message => h("div.said", outcomeCell(message)) },
  { head: "To", cell: "recipient" },
  { head: "Since", cell: message => time(message.created_at) },
];

function outcomeCell({ state, outcome, due_at: dueAt, attempts }) {
  const again = state === "waiting" && attempts > 0 && ` Tried again ${time(dueAt)}.`;
  return [stateBadge(state), outcome && ` ${capitalized(outcome)}.`, again];
}

function stateBadge(state) {
  const [words, kind] = STATES[state];
  return h(`span.badge.${kind}`, words);
}

// A test

/** A form that sends a test, and tells what the other side answered. */
export function testCard() {
  const typed = { recipient: "" };
  const outcome = h("div", { role: "status" });
  const submit = async () => {
    const kind = typed.recipient.includes("://") ? "webhook" : "mail";
    const body = { [kind]: typed.recipient };
    const message = await tellingWhich(body, { "": "/recipient" }, () =>
      post("/messages/v1/test", body),
    );
    followTest(message, outcome);
  };
  return h(
    "section.card.stack",
    h("h2", "Send a test"),
    form({
      content: textField("Address, or URL of a webhook", {
        state: typed,
        name: "recipient",
        placeholder: "ann@example.com",
        hint: "You see here what the other side answers.",
        required: true,
      }),
      label: "Send a test",
      submit,
      kind: null,
    }),
    outcome,
  );
}

// Looks until it was sent or has failed. `box` is that of the newest test alone.
async function followTest(first, box) {
  const until = Date.now() + PATIENCE_MS;
  const line = h("p");
  fill(box, line);
  let message = first;
  while (line.isConnected) {
    fill(line, testWords(message, Date.now() > until));
    if (["sent", "failed"].includes(message.state)) return;
    await new Promise(resolve => setTimeout(resolve, TEST_LOOK_MS));
    try {
      message = (await findTest(first.message_id)) ?? message;
    } catch (error) {
      if (error.status !== 0) fill(box, failure(error));
    }
  }
}

async function findTest(id) {
  const { messages } = await get("/messages/v1", { about: "test", limit: LOOKED_AT });
  return messages.find(({ message_id }) => message_id === id);
}

function testWords({ state, outcome }, isLate) {
  if (outcome) return [stateBadge(state), ` ${capitalized(outcome)}.`];
  if (!isLate) return "It waits for the sender …";
  return [
    "It still waits for the sender, which looks once a minute. If nothing happens, nobody sends: ",
    link("how to set up sending", "#/help/sending"),
    ".",
  ];
}
