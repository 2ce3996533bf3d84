// Signing in and out, and which view the address names.

import { get, isAdmin, keptKey, session, signIn, signOut, told } from "./api.js";
import { showActivity } from "./activity.js";
import { showBuilder } from "./builder.js";
import { showContact, showContacts } from "./contacts.js";
import { showDashboard } from "./dashboard.js";
import { actions, entry, fill, h, link, snippet, withState } from "./dom.js";
import { showMetric } from "./metric.js";
import { showIntegrations, showLocations, showNewIntegration } from "./settings.js";
import { confirm, endView, failure, form, loader, loading } from "./states.js";

// Each view by its path, in which * stands for any part; it gets all parts but the first.
const VIEWS = {
  dashboard: showDashboard,
  "metrics/new": showBuilder,
  "metrics/*": showMetric,
  "metrics/*/*": showBuilder, // edit or copy
  activity: showActivity,
  contacts: showContacts,
  "contacts/*/*": showContact,
  "settings/integrations": showIntegrations,
  "settings/integrations/new": showNewIntegration,
  "settings/locations": showLocations,
};

const byId = id => document.getElementById(id);
const main = byId("main");
let view = null;

// Views

class View {
  unsaved = () => false;

  constructor(address, parts) {
    Object.assign(this, { address, parts });
  }

  // The state, kept in the address where it is not the default; and what to call when it changed.
  state(defaults, act) {
    const [path, query] = this.address.split("?");
    const state = { ...defaults, ...Object.fromEntries(new URLSearchParams(query)) };
    return [
      state,
      (then = act) => {
        if (location.hash && location.hash !== this.address) return; // left meanwhile
        this.address = withState(path, state, defaults);
        history.replaceState(null, "", this.address);
        then();
      },
    ];
  }

  // The heading takes the focus, as a new page's would.
  begin(title, buttons, ...rest) {
    const heading = h("h1", { tabindex: "-1" }, title);
    fill(main, h("div.page-head", heading, actions(buttons)), rest);
    document.title = `${title} – Streamlined Lite`;
    heading.focus();
  }

  reload() {
    open(this.address);
  }
}

const askToLeave = () =>
  confirm("Leave without saving?", "Your changes are not saved.", "Leave without saving");

async function navigate() {
  if (takeKeyFromAddress() || session.key === null) return;
  const address = location.hash || "#/dashboard";
  if (view?.address === address) return;
  if (view?.unsaved()) {
    history.replaceState(null, "", view.address);
    if (!(await askToLeave())) return;
    history.pushState(null, "", address);
  }
  open(address);
}

async function open(address) {
  endView();
  const path = address.slice(2).split("?")[0];
  const [section, ...parts] = path.split("/");
  const found = Object.keys(VIEWS).find(each =>
    new RegExp(`^${each.replaceAll("*", "[^/]+")}$`).test(path),
  );
  const opened = (view = new View(address, parts.map(decode)));
  for (const each of document.querySelectorAll("#top nav a")) {
    each.ariaCurrent = each.hash.startsWith(`#/${section.replace("metrics", "dashboard")}`)
      ? "page"
      : null;
  }
  window.scrollTo(0, 0);
  fill(main, loading());
  try {
    await (VIEWS[found] ?? showNothing)(opened);
  } catch (error) {
    if (opened === view)
      fill(
        main,
        failure(error, () => open(address)),
      );
  }
}

const showNothing = opened =>
  opened.begin("Nothing is at this address", link("Dashboard", "#/dashboard", "button"));

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Signing in

// The link that `serve` prints ends in #key=…, which must stay in no history.
function takeKeyFromAddress() {
  if (!location.hash.startsWith("#key=")) return false;
  const key = decode(location.hash.slice(5));
  history.replaceState(null, "", location.pathname);
  signOut();
  enter(key, sessionStorage);
  return true;
}

async function enter(key, store) {
  fill(main, loading());
  await start(key, store).catch(error =>
    error.status
      ? leave(error)
      : fill(
          main,
          failure(error, () => enter(key, store)),
        ),
  );
}

async function start(key, store) {
  await signIn(key, store);
  byId("top").hidden = false;
  byId("scope").textContent = isAdmin() ? "" : "Read only";
  open(location.hash || "#/dashboard");
}

function leave(error = null) {
  signOut();
  endView();
  view = null;
  byId("top").hidden = true;
  document.title = "Sign in – Streamlined Lite";
  const said = { key: "" };
  const stay = h("input", { type: "checkbox" });
  const [lost, load] = loader();
  const tellCommand = () =>
    load(
      () => get("/session/v1"),
      ({ lost_key_command: command }) => [
        h("p", "On the server, this makes a new one:"),
        snippet(command, "Command"),
      ],
    );
  fill(
    main,
    h(
      "div.card.sign-in",
      h("h1", "Streamlined Lite"),
      error && failure(error),
      form(
        [
          entry("Key", said, "key", null, {
            type: "password",
            required: true,
            hint: "The link that the server prints first signs you in, too.",
          }),
          h("label.check", stay, "Stay signed in on this computer"),
        ],
        "Sign in",
        () => start(said.key, stay.checked ? localStorage : sessionStorage),
      ),
      h("details", { ontoggle: tellCommand }, h("summary", "Lost your key?"), lost),
    ),
  );
  main.querySelector("input").focus();
}

// Events of the page

byId("sign-out").onclick = async () => {
  if (view?.unsaved() && !(await askToLeave())) return;
  history.replaceState(null, "", location.pathname);
  leave();
};
told.refused = problem => {
  if (session.key !== null) leave(problem);
};
told.reachable = yes => {
  byId("offline").hidden = yes;
};
document.querySelector(".skip").onclick = event => {
  event.preventDefault(); // the address names the view
  main.focus();
};
window.onhashchange = navigate;
window.onbeforeunload = event => {
  if (view?.unsaved()) event.preventDefault();
};

if (!takeKeyFromAddress()) {
  if (keptKey()) enter(keptKey());
  else leave();
}
