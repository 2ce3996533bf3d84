// What shared dashboards look like: title, logo, colour; and whose pages may frame them.

import { call, put, remove } from "./api.js";
import { button, fill, h, hint, newId } from "./dom.js";
import { field, textField } from "./fields.js";
import { form } from "./form.js";
import { toast } from "./notices.js";
import { failure } from "./states.js";

const LOGO_TYPES = "image/png,image/jpeg,image/webp";
const COLOUR = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i;
const DEFAULT_COLOUR = "#1a56db"; // of style.css
const LEAST_CONTRAST = 4.5; // of text, as the server has it

/** @param {object} saved as the API answers it */
export function brandingCard(saved) {
  const branding = {
    title: saved.title ?? "",
    accent: saved.accent ?? "",
    hosts: saved.frame_hosts.join("\n"),
    logo: saved.logo,
  };
  const sample = h("div.brand-sample", { role: "img", "aria-label": "What it looks like" });
  const words = hint();
  const follow = () => {
    const colour = colourOf(branding.accent);
    fill(sample, sampleContent(branding));
    sample.style.setProperty("--strong", colour);
    fill(words, contrastText(branding.accent));
  };
  follow();
  const brandingForm = form({
    content: [
      textField("Title", {
        state: branding,
        name: "title",
        changed: follow,
        placeholder: "Your agency",
      }),
      colourFields(branding, follow),
      words,
      hostsField(branding),
    ],
    label: "Save",
    submit: async () => {
      await saveBranding(branding);
      toast("Saved");
    },
  });
  return h(
    "section.card",
    h("h2", "Your brand"),
    hint("What clients see above their numbers. All links have it, also those given out before."),
    sample,
    logoField(branding, follow),
    brandingForm,
  );
}

async function saveBranding({ title, accent, hosts }) {
  const body = { title: title || null, accent: accent || null, frame_hosts: hostList(hosts) };
  try {
    await put("/branding/v1", body);
  } catch (error) {
    for (const each of error.errors ?? []) tellLine(each);
    throw error;
  }
}

// Where there are several, which one is wrong.
function tellLine(error) {
  const line = /^\/frame_hosts\/(\d+)/.exec(error.pointer);
  if (line) error.message = `Line ${Number(line[1]) + 1} ${error.message}`;
}

const hostList = text =>
  text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(host => (host.includes("://") ? host : `https://${host}`));

function sampleContent({ title, logo }) {
  const name = title || (logo ? "" : "Your agency");
  return [
    h("div.masthead", logo && h("img", { src: logo, alt: "" }), h("span", name)),
    h("span.button.primary", "Button"),
    h("span.line", "▲ 12%"),
  ];
}

// The logo

function logoField(branding, changed) {
  const outcome = h("div");
  const file = h("input", { type: "file", accept: LOGO_TYPES, hidden: true, onchange: upload });
  const box = h("div.actions");
  draw();
  return h("div.field", { role: "group", "aria-label": "Logo" }, box, outcome);

  function draw() {
    fill(
      box,
      file,
      button(branding.logo ? "Replace the logo …" : "Add a logo …", () => file.click(), "small"),
      branding.logo && button("Remove the logo", takeAway, "small"),
      h("span.hint", "PNG, JPEG or WebP, up to 64 kB"),
    );
  }

  async function upload() {
    const [body] = file.files;
    file.value = "";
    if (body) await change(() => call("PUT", "/branding/v1/logo", { body, type: body.type }));
  }

  function takeAway() {
    return change(() => remove("/branding/v1/logo"));
  }

  async function change(act) {
    fill(outcome);
    try {
      ({ logo: branding.logo } = await act());
      draw();
      changed();
    } catch (error) {
      for (const { message } of error.errors ?? []) error.message = `This file ${message}.`;
      if (error.status === 413) error.message = "This file has more than 64 kB.";
      fill(outcome, failure(error));
    }
  }
}

// The colour

function colourFields(branding, changed) {
  const picker = h("input.colour", {
    type: "color",
    "aria-label": "Choose the colour",
    value: colourOf(branding.accent),
    oninput: () => {
      branding.accent = picker.value;
      text.querySelector("input").value = picker.value;
      changed();
    },
  });
  const text = textField("Colour", {
    state: branding,
    name: "accent",
    placeholder: DEFAULT_COLOUR,
    changed: () => {
      picker.value = colourOf(branding.accent);
      changed();
    },
  });
  return h("div.colour-line", text, picker);
}

/** As #rrggbb, which a picker of colours takes. */
function colourOf(text) {
  if (!COLOUR.test(text)) return DEFAULT_COLOUR;
  const short = /^#(.)(.)(.)$/.exec(text);
  return (
    short
      ? `#${short
          .slice(1)
          .map(digit => digit + digit)
          .join("")}`
      : text
  ).toLowerCase();
}

function contrastText(accent) {
  if (!accent) return "Left empty: blue.";
  if (!COLOUR.test(accent)) return `Write it as ${DEFAULT_COLOUR}.`;
  const contrast = contrastOnWhite(colourOf(accent));
  const shown = `Contrast on white ${(Math.floor(contrast * 10) / 10).toFixed(1)} : 1`;
  return contrast < LEAST_CONTRAST
    ? `${shown}: too light to read, ${LEAST_CONTRAST} : 1 is needed.`
    : `${shown}: easy to read.`;
}

// As WCAG 2 defines it.
function contrastOnWhite(colour) {
  const [red, green, blue] = [1, 3, 5].map(start => {
    const part = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

// Other pages that may frame it

function hostsField(branding) {
  const area = h("textarea.code", {
    id: newId(),
    rows: 2,
    placeholder: "crm.example.com",
    oninput: () => {
      branding.hosts = area.value;
    },
  });
  area.value = branding.hosts;
  return field("Addresses of your own CRM, one a line", area, {
    name: "frame_hosts",
    hint: "Where links made from now on may be shown in a frame, beside HighLevel’s own addresses.",
  });
}
