// Help: help.html, which comes with this page and so is always of its version.

import { unreachable } from "./api.js";
import { h } from "./dom.js";

const DOCUMENT = "/static/help.html";

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
  return [...content.children];
}
