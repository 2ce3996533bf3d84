// Event names: how often each came, and under which other names it may still be posted.

import { call, get, isAdmin, remove } from "./api.js";
import { combobox } from "./combobox.js";
import { askingButton, cancelButton, confirm, dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { form } from "./form.js";
import { ago, count, cut, number } from "./format.js";
import { beginSettings } from "./settings.js";
import { empty, loader } from "./states.js";
import { table } from "./table.js";

const PATH = "/event-names/v1";
const NAME_CHARACTERS = 80;

/**
 * A name over all locations. `aliases` are the names that are stored under this one; `alias_of` is there while a merge is
 * still moving the events.
 * @typedef {{event_name: string, amount: number, lastSeen: string, aliases: string[], alias_of: string | null}} EventName
 */

export function showNames(view) {
  const { box, load } = loader();
  const head = {
    title: "Events",
    lead: "Names come with the events. A misspelt one can be renamed, or merged into the right one.",
  };
  beginSettings(view, head, box);
  const nothing = empty("No events yet", "The first event brings its name.");
  const show = () =>
    load(
      signal => get(PATH, {}, signal),
      ({ event_names }) => {
        const names = overAllLocations(event_names);
        return table("Events", columns(names, show), names, nothing);
      },
    );
  show();
}

/** By their spelling, so that misspelt names stand beside the right ones. @returns {EventName[]} */
function overAllLocations(ofLocations) {
  const names = new Map();
  for (const { event_name, count: amount, last_seen: lastSeen, aliases, alias_of } of ofLocations) {
    const name = names.get(event_name) ?? { event_name, amount: 0, lastSeen, aliases, alias_of };
    name.amount += amount;
    if (lastSeen > name.lastSeen) name.lastSeen = lastSeen;
    names.set(event_name, name);
  }
  return [...names.values()].sort((one, other) => one.event_name.localeCompare(other.event_name));
}

const quoted = name => `“${cut(name, NAME_CHARACTERS)}”`;

const columns = (names, reload) => [
  { head: "Name", cell: ({ event_name: name }) => h("div.clamp", name) },
  { head: "Events", cell: ({ amount }) => number(amount), isNumber: true },
  { head: "Last seen", cell: ({ lastSeen }) => ago(lastSeen) },
  { head: "Also posted as", cell: name => aliasList(name, reload) },
  isAdmin() && { head: "Actions", cell: name => renaming(name, names, reload) },
];

// Renaming

function renaming({ event_name: name, alias_of: target }, names, reload) {
  if (target) return `is being merged into ${quoted(target)}`;
  const others = names.map(({ event_name }) => event_name).filter(other => other !== name);
  return askingButton("Rename", {
    ask: () => openRenaming(name, others),
    onDone: reload,
    kind: "small",
    spokenName: `Rename ${name}`,
  });
}

// Resolves to true once renamed or merged.
function openRenaming(name, others) {
  const body = { event_name: name, new_name: name };
  return dialog(`Rename ${quoted(name)}`, close =>
    form({
      content: [
        combobox("New name", {
          state: body,
          name: "new_name",
          suggest: () => others.map(value => ({ value })),
          hint: "If other events have this name already, the two become one.",
        }),
      ],
      label: "Rename …",
      submit: async () => {
        if (await confirmRenaming(body)) close(true);
      },
      other: cancelButton(close),
    }),
  );
}

const rename = (body, query) => call("PATCH", PATH, { body, query });

async function confirmRenaming(body) {
  const { event_name: name, new_name: newName } = body;
  const preview = await rename(body, { dry_run: true });
  const aliasStays = `What is still posted as ${quoted(name)} is stored under the new name.`;
  const question = {
    preview: () => previewText(preview),
    act: report => renameAll(body, preview.events, report),
  };
  if (preview.merged) {
    return confirm({
      ...question,
      title: `Merge into ${quoted(newName)}?`,
      text: `${aliasStays} Afterwards nothing tells the two apart.`,
      label: "Merge",
    });
  }
  return confirm({
    ...question,
    title: `Rename to ${quoted(newName)}?`,
    text: aliasStays,
    label: "Rename",
    kind: "primary",
  });
}

function previewText({ events, metrics }) {
  const counted = `${count(events, "event")}.`;
  return metrics.length ? `${counted} These metrics follow: ${metrics.join(", ")}.` : counted;
}

// A merge moves some events a request; the server goes on by itself where nobody asks again.
async function renameAll(body, total, report) {
  let moved = 0;
  let remaining;
  do {
    const step = await rename(body);
    ({ remaining } = step);
    moved += step.events;
    if (remaining) report(`${number(moved)} of ${count(total, "event")} moved …`);
  } while (remaining);
}

// Aliases

function aliasList({ event_name: name, aliases }, reload) {
  if (!aliases.length) return "–";
  const item = alias =>
    h("li.badge", cut(alias, NAME_CHARACTERS), isAdmin() && removal(alias, name, reload));
  return h("ul.tags", aliases.map(item));
}

function removal(alias, name, reload) {
  const ask = async () => {
    if (await confirmAliasRemoval(alias, name)) reload();
  };
  return button("×", ask, "plain", `Remove alias ${alias}`);
}

const confirmAliasRemoval = (alias, name) =>
  confirm({
    title: "Remove this alias?",
    text: `What is posted as ${quoted(alias)} from then on is an event of that name, and no longer one of ${quoted(name)}.`,
    label: "Remove alias",
    preview: async () => {
      const { metrics } = await remove(PATH, { event_name: alias, dry_run: true });
      return metrics.length > 0 && `These metrics take the other name: ${metrics.join(", ")}.`;
    },
    act: () => remove(PATH, { event_name: alias }),
  });
