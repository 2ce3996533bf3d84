// Where the page begins: signing in and out.

import { isAdmin, keptKey, listeners, session, signIn, signOut, staySignedIn } from "./api.js";
import { fill, h } from "./dom.js";
import { textField } from "./fields.js";
import { form } from "./form.js";
import {
  askToLeave,
  closeView,
  decoded,
  followAddress,
  hasUnsavedChanges,
  openCurrentAddress,
} from "./navigation.js";
import { toast } from "./notices.js";
import { snippet } from "./snippet.js";
import { failure, loading } from "./states.js";

const byId = id => document.getElementById(id);
const main = byId("main");
const KEY_IN_ADDRESS = "#key=";
// Strangers see this, too: it says nothing of the server's files.
const LOST_KEY_COMMAND = "streamlined-lite keys create admin --scope admin";

let isAsking = false; // other tabs for their key

// Signing in

// The link that `serve` prints ends in #key=…, which must stay in no history.
function takeKeyFromAddress() {
  if (!location.hash.startsWith(KEY_IN_ADDRESS)) return false;
  const key = decoded(location.hash.slice(KEY_IN_ADDRESS.length));
  history.replaceState(null, "", location.pathname);
  signOut();
  enter(key, sessionStorage).then(() => {
    byId("stay").hidden = session.key === null;
  });
  return true;
}

// With a key that was not typed: a refusal leads to the form, and trouble can be tried again.
async function enter(key, storage) {
  fill(main, loading());
  try {
    await start(key, storage);
  } catch (error) {
    if (error.status) {
      askForKey(error);
      return;
    }
    const again = () => enter(key, storage);
    fill(main, failure(error, again));
  }
}

async function start(key, storage) {
  isAsking = false;
  await signIn(key, storage);
  byId("top").hidden = false;
  byId("scope").textContent = isAdmin() ? "" : "Read only";
  openCurrentAddress();
}

// Ends the session, if there is one, and shows the form that begins another.
function askForKey(problem = null) {
  signOut();
  closeView();
  byId("top").hidden = true;
  byId("stay").hidden = true;
  document.title = "Sign in – Streamlined Lite";
  fill(
    main,
    h(
      "div.card.sign-in",
      h("h1", "Streamlined Lite"),
      problem && failure(problem),
      signInForm(),
      lostKey(),
    ),
  );
  main.querySelector("input").focus();
}

function signInForm() {
  const typed = { key: "" };
  const stay = h("input", { type: "checkbox" });
  return form({
    content: [
      textField("API key", {
        state: typed,
        name: "key",
        type: "password",
        required: true,
        hint: "The link that the server prints at its first start signs you in, too.",
      }),
      h("label.check", stay, "Stay signed in on this computer"),
    ],
    label: "Sign in",
    submit: () => start(typed.key, stay.checked ? localStorage : sessionStorage),
  });
}

const lostKey = () =>
  h(
    "details",
    h("summary", "Lost your API key?"),
    h("p", "On the server, this makes a new one:"),
    snippet(LOST_KEY_COMMAND, "Command"),
    h(
      "p.hint",
      "Where the database is another file, add ",
      h("code", "--database FILE"),
      ". A server that you start in a terminal prints the whole command.",
    ),
  );

// Other tabs. A new one, as by Ctrl and a click, asks them for the key, which may be kept for each tab alone. Signing out of
// one is signing out of all that have its key.

const otherTabs = new BroadcastChannel("streamlined-lite");

function askOtherTabs() {
  isAsking = true;
  otherTabs.postMessage({ asks: true });
}

otherTabs.onmessage = ({ data: { asks, key, endedKey } }) => {
  if (asks && session.key) otherTabs.postMessage({ key: session.key });
  if (key && isAsking) enter(key, sessionStorage);
  if (endedKey && endedKey === session.key && !hasUnsavedChanges()) askForKey();
};

// Events of the page

byId("sign-out").onclick = async () => {
  if (hasUnsavedChanges() && !(await askToLeave())) return;
  history.replaceState(null, "", location.pathname);
  otherTabs.postMessage({ endedKey: session.key });
  askForKey();
};

byId("stay-signed-in").onclick = () => {
  staySignedIn();
  byId("stay").hidden = true;
  toast("You stay signed in on this computer");
};

byId("not-now").onclick = () => {
  byId("stay").hidden = true;
};

listeners.onRefused = problem => {
  if (session.key !== null) askForKey(problem);
};

listeners.onReachable = isReachable => {
  byId("offline").hidden = isReachable;
};

document.querySelector(".skip").onclick = event => {
  event.preventDefault(); // the address names the view
  main.focus();
};

window.onhashchange = () => {
  if (!takeKeyFromAddress()) followAddress();
};

window.onbeforeunload = event => {
  if (hasUnsavedChanges()) event.preventDefault();
};

if (!takeKeyFromAddress()) {
  const key = keptKey();
  if (key) {
    enter(key);
  } else {
    askForKey();
    askOtherTabs();
  }
}
