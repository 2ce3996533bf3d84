// The page of a shared dashboard: its name and its numbers, or why there are none.

const ENDED = {
  unknown: "This link is not known here. Please ask whoever sent it for a new one.",
  revoked: "This link was revoked. Please ask whoever sent it for a new one.",
  expired: "This link has expired. Please ask whoever sent it for a new one.",
};
const state = document.getElementById("state");

/** The token of the link, wherever an encoded fragment has put it. */
function token() {
  const path = decodeURIComponent(location.pathname);
  const fragment = location.hash.slice(1) || path.slice(path.indexOf("#") + 1 || path.length);
  return fragment || new URLSearchParams(location.search).get("token") || "";
}

async function get(path) {
  const answer = await fetch(path, { headers: { "X-API-Key": token() } });
  const content = await answer.json();
  if (!answer.ok) {
    throw new Error(content.detail);
  }
  return content;
}

async function show() {
  const current = await get("/shares/v1/current");
  const { cards } = await get("/shares/v1/current/data");
  document.title = current.title || current.dashboard.name;
  const numbers = cards.map(({ card, data }) => {
    const line = document.createElement("p");
    line.textContent = `${current.dashboard.cards[card].name}: ${data ? data.total.value : "–"}`;
    return line;
  });
  state.replaceChildren(current.dashboard.name, ...numbers);
}

const ended = ENDED[document.documentElement.dataset.link];
if (ended) {
  state.textContent = ended;
} else {
  show().catch(error => {
    state.textContent = error.message;
  });
}
