// A mail as it will arrive: as HTML and as text.

import { dialog } from "./dialog.js";
import { h, hint } from "./dom.js";

/**
 * Opens a mail. `note` is said above it.
 * @param {{subject: string, text: string, html: string}} mail
 */
export const openMail = ({ subject, text, html }, note) =>
  dialog(
    "Preview",
    () => [
      note && hint(note),
      h("p.strong", subject),
      mailFrame(html),
      h(
        "details",
        h("summary", "As text"),
        h("pre.mail-text", { tabindex: "0", role: "region", "aria-label": "As text" }, text),
      ),
    ],
    { isWide: true },
  );

// Nothing in it is run, and no link in it is followed. The page's own Content-Security-Policy holds within it and takes no
// styles of elements, so they are set one by one.
function mailFrame(html) {
  const frame = h("iframe.mail", {
    sandbox: "allow-same-origin",
    title: "The mail as HTML",
    srcdoc: html.replace(/ style='/g, " data-style='"),
    onload: () => {
      const { body } = frame.contentDocument;
      for (const element of [body, ...body.querySelectorAll("[data-style]")]) {
        element.style.cssText = element.dataset.style ?? "";
      }
      frame.style.height = `${frame.contentDocument.documentElement.scrollHeight}px`;
    },
  });
  return frame;
}
