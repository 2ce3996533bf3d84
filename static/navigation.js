// Views: which one an address names, and how it opens. Those that few visits need are loaded when they are opened.

import { withState } from "./address.js";
import { Problem, session, unreachable } from "./api.js";
import { showDashboard } from "./dashboard.js";
import { confirm } from "./dialog.js";
import { actions, fill, h, link } from "./dom.js";
import { endView, failure, loading } from "./states.js";

// By path, in which * stands for any part.
const VIEWS = {
  dashboard: showDashboard,
  "dashboard/new": async view => (await import("./arrangement.js")).showArrangement(view),
  "dashboard/*": showDashboard,
  "dashboard/*/edit": async view => (await import("./arrangement.js")).showArrangement(view),
  "dashboard/*/locations": showDashboard,
  "metrics/new": async view => (await import("./builder.js")).showBuilder(view),
  "metrics/new/*": async view => (await import("./builder.js")).showBuilder(view),
  "metrics/*": async view => (await import("./metric.js")).showMetric(view),
  "metrics/*/edit": async view => (await import("./builder.js")).showBuilder(view),
  "metrics/*/copy": async view => (await import("./builder.js")).showBuilder(view),
  activity: async view => (await import("./activity.js")).showActivity(view),
  contacts: async view => (await import("./contacts.js")).showContacts(view),
  "contacts/*/*": async view => (await import("./contacts.js")).showContact(view),
  "settings/integrations": async view => (await import("./integrations.js")).showIntegrations(view),
  "settings/integrations/new": async view =>
    (await import("./integrations.js")).showNewIntegration(view),
  "settings/locations": async view => (await import("./locations.js")).showLocations(view),
  "settings/alerts": async view => (await import("./alerts.js")).showAlerts(view),
  "settings/alerts/*": async view => (await import("./watch.js")).showAlert(view),
  "settings/reports": async view => (await import("./reports.js")).showReports(view),
  "settings/reports/*": async view => (await import("./mailing.js")).showReport(view),
  "settings/sharing": async view => (await import("./shares.js")).showSharing(view),
  "settings/events": async view => (await import("./names.js")).showNames(view),
  "settings/api": async view => (await import("./reference.js")).showReference(view),
  help: async view => (await import("./help.js")).showHelp(view),
  "help/*": async view => (await import("./help.js")).showHelp(view),
};
const START = "#/dashboard";

const main = document.getElementById("main");
let current = null; // the open View

/** An open view, which the show… functions are given. `parts` are the address's, without the first one. */
class View {
  /** Whether leaving would lose something; a view sets it. */
  hasUnsavedChanges = () => false;

  constructor(address, parts) {
    this.address = address;
    this.parts = parts;
  }

  /**
   * The state of this view, kept in the address where it is not the default.
   * @param {Object<string, string>} defaults
   * @param {() => void} act
   * @returns {{state: object, changed: (then?: () => void) => void}} after a change of `state`, changed() keeps it, and
   *   calls `act` or what it is given
   */
  state(defaults, act) {
    const [path, query] = this.address.split("?");
    const state = { ...defaults, ...Object.fromEntries(new URLSearchParams(query)) };
    const changed = (then = act) => {
      const isLeft = location.hash && location.hash !== this.address;
      if (isLeft) return;
      this.address = withState(path, state, defaults);
      history.replaceState(null, "", this.address);
      then();
    };
    return { state, changed };
  }

  /** Shows the view. Its heading takes the focus, as a new page's would. Throws where another view was opened meanwhile. */
  begin(title, buttons, ...content) {
    if (this !== current) throw new DOMException("This view was left.", "AbortError");
    const heading = h("h1", { tabindex: "-1" }, title);
    fill(main, h("div.page-head", heading, actions(buttons)), content);
    document.title = `${title} – Streamlined Lite`;
    heading.focus();
  }

  reload() {
    if (this === current) open(this.address);
  }
}

/** Whether leaving the open view would lose something. */
export const hasUnsavedChanges = () => current?.hasUnsavedChanges() ?? false;

export const askToLeave = () =>
  confirm({
    title: "Leave without saving?",
    text: "Your changes are not saved.",
    label: "Leave without saving",
  });

/** Opens the view that the address names. */
export const openCurrentAddress = () => open(location.hash || START);

/** After the address changed: the same, but asks before something is lost. */
export async function followAddress() {
  if (session.key === null) return;
  const address = location.hash || START;
  if (current?.address === address) return;
  if (hasUnsavedChanges()) {
    history.replaceState(null, "", current.address);
    if (!(await askToLeave())) return;
    history.pushState(null, "", address);
  }
  open(address);
}

export function closeView() {
  endView();
  current = null;
}

async function open(address) {
  endView();
  const path = address.slice(2).split("?")[0];
  const [section, ...parts] = path.split("/");
  const view = new View(address, parts.map(decoded));
  current = view;
  markSection(section);
  window.scrollTo(0, 0);
  fill(main, loading());
  try {
    await viewAt(path)(view);
  } catch (error) {
    if (view === current)
      fill(
        main,
        failure(explained(error), () => open(address)),
      );
  }
}

function viewAt(path) {
  const pattern = Object.keys(VIEWS).find(key =>
    new RegExp(`^${key.replaceAll("*", "[^/]+")}$`).test(path),
  );
  return VIEWS[pattern] ?? showNothing;
}

const showNothing = view =>
  view.begin("Nothing is at this address", link("Dashboard", START, "button"));

function markSection(section) {
  const marked = section === "metrics" ? "dashboard" : section;
  for (const anchor of document.querySelectorAll("#top nav a")) {
    anchor.ariaCurrent = anchor.hash.startsWith(`#/${marked}`) ? "page" : null;
  }
}

// A module that cannot be loaded: the server is away, or was updated, and an older module lacks what a newer one imports.
function explained(error) {
  if (/dynamically imported module|importing a module/i.test(error.message)) return unreachable();
  if (error instanceof SyntaxError) {
    return new Problem(null, { detail: "The server was updated meanwhile. Reload this page." });
  }
  return error;
}

/** A part of an address as a text; as it stands, where it is not well encoded. */
export function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
