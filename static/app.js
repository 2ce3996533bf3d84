// The shell: signing in and out, and which view the address names.

import { isAdmin, loadLocations, Problem, resume, session, signIn, signOut } from "./api.js";
import { showActivity } from "./activity.js";
import { showBuilder } from "./builder.js";
import { showContact, showContacts } from "./contacts.js";
import { showDashboard } from "./dashboard.js";
import { announce, button, field, h, link, snippet } from "./dom.js";
import { showMetric } from "./metric.js";
import { showIntegrations, showLocations, showNewIntegration } from "./settings.js";
import { confirm, empty, failure, loading } from "./states.js";

// Each view: the pattern of its path, how it is shown, and which entry of the navigation it belongs to.
const VIEWS = [
  [/^\/dashboard$/, showDashboard, "/dashboard"],
  [/^\/metrics\/new$/, showBuilder, "/dashboard"],
  [/^\/metrics\/(\d+)$/, showMetric, "/dashboard"],
  [/^\/metrics\/(\d+)\/edit$/, showBuilder, "/dashboard"],
  [/^\/activity$/, showActivity, "/activity"],
  [/^\/contacts$/, showContacts, "/contacts"],
  [/^\/contacts\/([^/]+)\/([^/]+)$/, showContact, "/contacts"],
  [/^\/settings\/integrations$/, showIntegrations, "/settings/integrations"],
  [/^\/settings\/integrations\/new$/, showNewIntegration, "/settings/integrations"],
  [/^\/settings\/locations$/, showLocations, "/settings/integrations"],
];

const main = document.getElementById("main");
let view = null;   // what is shown
let first = true;  // the page has just been opened, and nothing in it needs to be announced

// Views

/** What a view gets: its place, its address, and a signal that ends with it. */
class View {
  constructor(address, parts, show) {
    this.address = address;
    this.parts = parts;
    this.show = show;
    this.main = main;
    this.ended = new AbortController();
    this.signal = this.ended.signal;
    this.unsaved = () => false;
  }

  get params() {
    return new URLSearchParams(this.address.split("?")[1] ?? "");
  }

  /** Keeps the view's state in its address, without showing the view anew. */
  keep(params) {
    const query = new URLSearchParams(params).toString();
    this.address = this.address.split("?")[0] + (query ? `?${query}` : "");
    history.replaceState(null, "", this.address);
  }

  /** The view's heading and what follows; the heading takes the focus, as a new page's would. */
  begin(title, ...rest) {
    const heading = h("h1", { tabindex: "-1" }, title);
    main.replaceChildren(...rest.flat().length ? [] : [heading]);
    for (const each of rest.flat()) main.append(typeof each === "function" ? each(heading) : each);
    this.title(title);
    if (!first) heading.focus();
    first = false;
  }

  title(text) {
    document.title = `${text} – Streamlined Lite`;
  }
}

async function navigate() {
  if (takeKeyFromAddress()) return;
  if (session.key === null) return showSignIn();
  const address = location.hash || "#/dashboard";
  if (view && view.address === address) return;
  if (view?.unsaved() && !(await mayLeave(address))) return;
  open(address);
}

/** Asks before unsaved changes are lost; until then the address stays the view's own. */
async function mayLeave(address) {
  history.replaceState(null, "", view.address);
  const leave = await confirm("Leave without saving?", "Your changes to this metric are not saved.", "Leave without saving");
  if (leave) history.pushState(null, "", address);
  return leave;
}

async function open(address) {
  view?.ended.abort();
  const [path] = address.slice(1).split("?");
  const [, show, section] = VIEWS.find(([pattern]) => pattern.test(path)) ?? [null, showUnknown, ""];
  const parts = (VIEWS.find(([pattern]) => pattern.test(path))?.[0].exec(path) ?? []).slice(1).map(decode);
  const opened = view = new View(address, parts, show);
  markNavigation(section);
  window.scrollTo(0, 0);
  main.replaceChildren(loading());
  try {
    if (!opened.signal.aborted) await show(opened);
  } catch (error) {
    if (opened.signal.aborted || error.status === 401) return;
    main.replaceChildren(failure(error, () => open(address), opened.signal));
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function showUnknown(opened) {
  opened.begin("Nothing here", (heading) => h("div.empty", heading, h("p", "There is no page at this address."),
    link("Go to the dashboard", "#/dashboard", "button")));
}

function markNavigation(section) {
  for (const each of document.querySelectorAll("#nav a")) {
    if (each.getAttribute("href") === `#${section}`) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

// Signing in

/** The link that `serve` prints ends in #key=…, which must stay in no address and no history. */
function takeKeyFromAddress() {
  if (!location.hash.startsWith("#key=")) return false;
  const key = decode(location.hash.slice(5));
  history.replaceState(null, "", location.pathname);
  main.replaceChildren(loading("Signing in …"));
  signIn(key, false).then(enter, (error) => showSignIn(error));
  return true;
}

function showSignIn(error = null) {
  view?.ended.abort();
  view = null;
  document.getElementById("top").hidden = true;
  document.title = "Sign in – Streamlined Lite";
  const key = field("Key", h("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true, autofocus: true }),
    "The link that the server prints at its first start signs you in as well.");
  const stay = h("input", { type: "checkbox" });
  const outcome = h("div", error && failure(error));
  const go = h("button.primary", "Sign in");
  const form = h("form.card.sign-in", { onsubmit: (event) => submit(event) },
    h("h1", "Streamlined Lite"), outcome, key, h("label.check", stay, h("span", "Stay signed in on this computer")), go, lostKey());
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    outcome.replaceChildren(loading("Signing in …"));
    try {
      await signIn(key.querySelector("input").value.trim(), stay.checked);
      await enter();
    } catch (wrong) {
      outcome.replaceChildren(failure(readable(wrong)));
      go.disabled = false;
      key.querySelector("input").focus();
    }
  }
  main.replaceChildren(form);
  key.querySelector("input").focus();
}

/** A key that may only post events is no way in; its refusal should say what is. */
function readable(problem) {
  if (problem.code !== "scope") return problem;
  return new Problem(403, { detail: "This key may post events, but not read them. Sign in with a key of scope read or admin." });
}

function lostKey() {
  return h("details", h("summary", "Lost your key?"),
    h("p", "Whoever can read the database file makes a new one. On the server, run"),
    snippet("streamlined-lite keys create admin --scope admin", "Command"),
    h("p", "in the folder where the server was started, or add ", h("code", "--database"), " with the path of its file."));
}

async function enter() {
  document.getElementById("top").hidden = false;
  document.getElementById("scope").textContent = isAdmin() ? "" : "Read only";
  try {
    await loadLocations();
  } catch (error) {
    if (error.status === 401) return;
    main.replaceChildren(failure(error, enter));
    return;
  }
  open(location.hash.startsWith("#/") ? location.hash : "#/dashboard");
}

function leave() {
  signOut();
  first = false;
  history.replaceState(null, "", location.pathname);
  showSignIn();
  announce("Signed out");
}

// Events of the page

document.getElementById("sign-out").addEventListener("click", async () => {
  if (view?.unsaved() && !(await confirm("Sign out without saving?", "Your changes to this metric are not saved.", "Sign out"))) return;
  leave();
});
document.addEventListener("refused", ({ detail }) => {
  if (session.key === null) return;
  signOut();
  showSignIn(detail);
});
document.addEventListener("reachable", ({ detail }) => {
  const banner = document.getElementById("offline");
  if (banner.hidden === detail) return;
  banner.hidden = detail;
  banner.textContent = detail ? "" : "The server cannot be reached. What you see may be old.";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
document.getElementById("nav").addEventListener("click", ({ target }) => {
  // the entry of the view that is shown brings back its plain state
  if (view && target.getAttribute("href") === location.hash) { view.address = ""; navigate(); }
});
window.addEventListener("hashchange", navigate);
window.addEventListener("beforeunload", (event) => { if (view?.unsaved()) event.preventDefault(); });

if (!takeKeyFromAddress()) {
  if (resume()) enter();
  else showSignIn();
}
