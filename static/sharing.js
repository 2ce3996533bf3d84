// Sharing a dashboard: whose numbers, what viewers may do, until when; then the link, once, and how to put it into HighLevel.

import { get, loadLocations, Problem, post } from "./api.js";
import { locationsField } from "./choices.js";
import { csv } from "./csv.js";
import { cancelButton, dialog } from "./dialog.js";
import { actions, button, fill, h, hint, link } from "./dom.js";
import { selectField, textField } from "./fields.js";
import { form } from "./form.js";
import { count } from "./format.js";
import { copyable, download, fileName, snippet } from "./snippet.js";
import { failure } from "./states.js";
import { table } from "./table.js";

const SHARES_PER_PAGE = 500;
const DAY_MS = 86_400_000;
const WHOSE = {
  some: "One location, or several together",
  each: "Every location: a link for each",
  all: "All locations together, including future ones",
};
const RIGHTS = {
  dates: "Change the dates",
  events: "Open the events behind a number, with names of contacts",
  download: "Download the numbers as CSV",
};
// A list, for an object has the names that are numbers first.
const UNTIL = [
  { value: "", text: "until it is revoked" },
  { value: "30", text: "for 30 days" },
  { value: "90", text: "for 90 days" },
  { value: "365", text: "for a year" },
  { value: "day", text: "through a day …" },
];
// What HighLevel's pages call the custom value that holds a client's part of the link
const CUSTOM_VALUE = "Dashboard";
const MERGE_FIELD = "{{custom_values.dashboard}}";

/**
 * Asks what to share, and shares it. Resolves once the dialog is closed.
 * @param {{dashboard_id: number, name: string}} dashboard the one that is chosen first
 * @param {object[]} [dashboards] those that can be chosen
 */
export async function openShareDialog(dashboard, dashboards = [dashboard]) {
  const [locations, { frame_hosts: hosts }, shares] = await Promise.all([
    loadLocations(),
    get("/branding/v1"),
    allShares(),
  ]);
  const run = { isOver: false };
  const choice = { dashboards, locations, hosts, shares };
  await dialog(
    dashboards.length > 1 ? "Share a dashboard" : `Share “${dashboard.name}”`,
    close => {
      const box = h("div.stack");
      return fill(box, shareForm(newShare(dashboard), choice, box, run, close));
    },
    { isWide: true },
  );
  run.isOver = true; // no more links are made that nobody would see
}

const newShare = ({ dashboard_id }) => ({
  dashboard_id: String(dashboard_id),
  whose: "some",
  locations: [],
  may: { dates: true, events: false, download: false },
  until: "",
  day: "",
  leavesOut: true, // locations that have a link
});

async function allShares() {
  const shares = [];
  let cursor;
  do {
    const page = await get("/shares/v1", { limit: SHARES_PER_PAGE, cursor });
    shares.push(...page.shares);
    cursor = page.next;
  } while (cursor);
  return shares;
}

/** Whether a link still shows anything. */
export const isAlive = ({ revoked_at, expires_at }) =>
  !revoked_at && (!expires_at || Date.parse(expires_at) > Date.now());

// What to share

function shareForm(share, { dashboards, locations, hosts, shares }, box, run, close) {
  const whose = h("div.stack");
  const until = h("div");
  const follow = () => {
    fill(whose, WHOSE_FIELDS[share.whose](share, locations, linked(share, shares)));
    fill(until, share.until === "day" && dayField(share));
  };
  const choices = dashboards.map(({ dashboard_id, name }) => ({
    value: String(dashboard_id),
    text: name,
  }));
  const option = { state: share, changed: follow };
  follow();
  return form({
    content: [
      dashboards.length > 1 &&
        selectField("Dashboard", { choices, name: "dashboard_id", ...option }),
      selectField("Whose numbers", { choices: WHOSE, name: "whose", ...option }),
      whose,
      h(
        "fieldset.stack",
        h("legend", "Viewers may"),
        Object.entries(RIGHTS).map(([name, text]) => rightField(share.may, name, text)),
      ),
      selectField("The link works", { choices: UNTIL, name: "until", ...option }),
      until,
      framesHint(hosts),
    ],
    label: "Create link",
    submit: async () => {
      const name = dashboards.find(each => String(each.dashboard_id) === share.dashboard_id).name;
      if (share.whose === "each") {
        await shareWithEach(
          new Links(share, locationsFor(share, locations, shares), name),
          box,
          run,
        );
      } else {
        show(box, oneLink(await post("/shares/v1", bodyOf(share, chosenLocations(share))), close));
      }
    },
    other: cancelButton(close),
  });
}

// The ids of locations that have a link of their own to this dashboard.
const linked = ({ dashboard_id }, shares) =>
  new Set(
    shares
      .filter(each => isAlive(each) && String(each.dashboard_id) === dashboard_id)
      .filter(({ locations }) => locations !== "all" && locations.length === 1)
      .map(({ locations: [id] }) => id),
  );

const WHOSE_FIELDS = {
  some: share => locationsField({ state: share, placeholder: "Choose a location" }),
  each: (share, locations, having) => {
    const amount = locations.filter(({ location_id }) => having.has(location_id)).length;
    return [
      hint(`${count(locations.length, "location")}. Each link shows that location alone.`),
      amount > 0 &&
        rightField(
          share,
          "leavesOut",
          `Leave out ${count(amount, "location")} with a link already`,
        ),
    ];
  },
  all: () => hint("For yourself: its viewers see every client’s numbers."),
};

function rightField(state, name, text) {
  const input = h("input", {
    type: "checkbox",
    checked: state[name],
    onchange: () => {
      state[name] = input.checked;
    },
  });
  return h("label.check", input, h("span", text));
}

const dayField = share =>
  textField("Last day", { state: share, name: "day", at: "", type: "date", listen: "change" });

const framesHint = hosts =>
  hint(
    `It can be shown inside HighLevel${hosts.length ? ` and ${hosts.join(", ")}` : ""}. `,
    "Title, logo and your own CRM’s address: ",
    link("Settings > Sharing", "#/settings/sharing"),
    ".",
  );

function locationsFor(share, locations, shares) {
  const having = share.leavesOut ? linked(share, shares) : new Set();
  const wanted = locations.filter(({ location_id }) => !having.has(location_id));
  if (!wanted.length) {
    const detail = locations.length
      ? "Every location has a link already."
      : "No location is known yet. Send the first event.";
    throw new Problem(422, { detail });
  }
  return wanted;
}

function chosenLocations({ whose, locations }) {
  if (whose === "all") return "all";
  if (locations.length) return locations;
  throw new Problem(422, {
    errors: [{ pointer: "/locations", message: "Choose a location." }],
  });
}

function bodyOf(share, locations) {
  const { dashboard_id, may } = share;
  return { dashboard_id: Number(dashboard_id), locations, may, expires_at: endOf(share) };
}

function endOf({ until, day }) {
  if (!until) return null;
  if (until !== "day") return new Date(Date.now() + Number(until) * DAY_MS).toISOString();
  if (!day) {
    throw new Problem(422, { errors: [{ pointer: "/day", message: "Choose a day." }] });
  }
  const end = new Date(`${day}T00:00`); // of the viewer's zone
  end.setDate(end.getDate() + 1);
  return end.toISOString();
}

// What takes the place of the form has the focus.
function show(box, content) {
  fill(box, content);
  box.querySelector("h3")?.focus();
}

const heading = text => h("h3", { tabindex: "-1" }, text);

// One link

const partOf = ({ public_id, token }) => `${public_id}#${token}`;
const originOf = ({ url }) => url.split("/share/")[0];

function oneLink(share, close) {
  return [
    heading("Your link"),
    snippet(share.url, "Link"),
    h("p.warnings", h("strong", "Copy it now. "), "It cannot be shown again."),
    hint("Whoever has it sees these numbers. Revoke it under Settings > Sharing at any time."),
    steps(originOf(share), [
      " with this value:",
      snippet(partOf(share), "The client’s part of the link"),
    ]),
    actions(button("Done", () => close(), "primary")),
  ];
}

// How it gets into the menu of every sub-account.
const steps = (origin, value) =>
  h(
    "details",
    { open: true },
    h("summary", "Show it inside HighLevel"),
    origin.startsWith("https:") ||
      h(
        "p.warnings",
        h("strong", "HighLevel cannot show this address. "),
        "Its pages show only those with https. Set yours with --public-url.",
      ),
    h(
      "ol",
      h(
        "li",
        "In the client’s sub-account, open Settings > Custom Values, and add one called ",
        copyable(CUSTOM_VALUE),
        value,
      ),
      h(
        "li",
        "Once for all clients: in your agency’s Settings > Custom Menu Links, create a link with this URL:",
        snippet(`${origin}/share/${MERGE_FIELD}`, "URL of the custom menu link"),
        "Have it open as ",
        h("strong", "iFrame inside the CRM"),
        ", and show it in the sidebar of sub-accounts.",
      ),
      h("li", "Open the sub-account. The new entry of its menu shows the client’s numbers."),
    ),
  );

// A link for each location

/** Links that are made one after the other; after a failure it goes on where it stopped. */
class Links {
  made = []; // {location, share}

  constructor(share, locations, name) {
    this.share = share;
    this.locations = locations;
    this.name = name;
  }

  /** @param {() => void} report follows each of them @param {{isOver: boolean}} run nothing more is made once it is over */
  async make(report, run) {
    for (const location of this.locations.slice(this.made.length)) {
      if (run.isOver) return;
      const body = bodyOf(this.share, [location.location_id]);
      this.made.push({ location, share: await post("/shares/v1", body) });
      report();
    }
  }

  save() {
    const heads = ["Location", "Name", "Link", "Link part"];
    const lines = this.made.map(({ location: { location_id: id, name }, share }) => [
      id,
      name ?? id,
      share.url,
      partOf(share),
    ]);
    download(`links-${fileName(this.name)}.csv`, "text/csv", csv([heads, ...lines]));
  }
}

async function shareWithEach(links, box, run) {
  const { length } = links.locations;
  const bar = h("progress", { max: length, value: 0, "aria-label": "Links" });
  const words = h("p", { role: "status" });
  const report = () => {
    bar.value = links.made.length;
    fill(words, `${links.made.length} of ${count(length, "link")} …`);
  };
  report();
  fill(box, bar, words);
  let failed = null;
  try {
    await links.make(report, run);
  } catch (error) {
    failed = error;
  }
  const some = links.made.length > 0;
  if (some) links.save(); // also where it failed, or the dialog was closed: they cannot be shown again
  if (run.isOver) return;
  if (!failed) {
    show(box, manyLinks(links));
    return;
  }
  const again = () => shareWithEach(links, box, run);
  const goOn = actions(button("Go on", again, "primary"));
  fill(box, failure(failed), goOn, some && manyLinks(links));
}

function manyLinks(links) {
  const [{ share }] = links.made;
  const columns = [
    { head: "Location", cell: ({ location }) => location.name ?? location.location_id },
    { head: "Link part", cell: each => copyable(partOf(each.share)) },
  ];
  return [
    heading(`${count(links.made.length, "link")} made`),
    h(
      "p.warnings",
      h("strong", "Keep the file that was just saved. "),
      "The links cannot be shown again.",
    ),
    actions(button("Save the file again", () => links.save())),
    steps(originOf(share), " with the client’s link part, from the file or from the table below."),
    table("Links", columns, links.made),
  ];
}
