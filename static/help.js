// Help: help.html, which comes with this page and so is always of its version.

import { session, unreachable } from "./api.js";
import { h } from "./dom.js";
import { snippet } from "./snippet.js";

const DOCUMENT = "/static/help.html";
// What the document says for the address of this server, which it cannot know.
const LOCAL_ADDRESS = /http:\/\/127\.0\.0\.1:8080/g;

/** Shows the help, at the section that the address names: #/help/settings. */
export async function showHelp(view) {
  const content = await loadHelp();
  view.begin("Help", [], h("article.help", content));
  const [section] = view.parts;
  const heading = section && document.getElementById(section);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.scrollIntoView();
  heading.focus({ preventScroll: true });
}

async function loadHelp() {
  const answer = await fetch(DOCUMENT).catch(() => {
    throw unreachable();
  });
  const { body } = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = body.querySelector("main");
  content.querySelector("h1").remove(); // the view has its own
  for (const anchor of content.querySelectorAll("a[href^='#']")) {
    // In the page, what follows # is a view.
    anchor.setAttribute("href", `#/help/${anchor.hash.slice(1)}`);
  }
  const examples = [...content.querySelectorAll("pre")];
  examples.forEach((example, index) => {
    const text = example.textContent.replace(LOCAL_ADDRESS, session.address);
    example.replaceWith(snippet(text, `Example ${index + 1}`));
  });
  for (const table of content.querySelectorAll("table")) table.replaceWith(scrollable(table));
  return [...content.children];
}

/** The same as table() makes: a box that scrolls. */
function scrollable(table) {
  const heads = [...table.querySelectorAll("thead th")].map(head => head.textContent);
  const attributes = { tabindex: "0", role: "region", "aria-label": heads.join(", ") };
  return h("div.scroll", attributes, table.cloneNode(true));
}
