// Signs in with a key, kept for this tab only, and shows the newest events. Text from data goes in as text.

const $ = (id) => document.getElementById(id);
const REFRESH_MS = 5000;

if (location.hash.startsWith("#key=")) {
  sessionStorage.setItem("key", decodeURIComponent(location.hash.slice(5)));
  history.replaceState(null, "", location.pathname); // the key stays in no address
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", $("key").value.trim());
  $("key").value = "";
  show();
});

$("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem("key");
  show();
});

async function show() {
  const key = sessionStorage.getItem("key");
  $("sign-in").hidden = key !== null;
  $("sign-out").hidden = key === null;
  if (key === null) {
    $("events").hidden = true;
    $("message").textContent = "";
    return;
  }
  try {
    const answer = await fetch("/events/v1?limit=100", { headers: { "X-API-Key": key } });
    const body = await answer.json();
    if (sessionStorage.getItem("key") !== key) return; // signed out, or in again, meanwhile
    if (answer.ok) list(body.events);
    else refuse(answer.status, body.detail);
  } catch {
    $("message").textContent = "The server cannot be reached. Trying again …";
  }
}

function refuse(status, detail) {
  if (status === 401) {
    sessionStorage.removeItem("key");
    $("sign-in").hidden = false;
    $("sign-out").hidden = true;
    $("events").hidden = true;
  }
  $("message").textContent = `Not signed in: ${detail}.`;
}

function list(events) {
  $("message").textContent = events.length ? "" : "Waiting for your first event …";
  $("events").hidden = events.length === 0;
  $("events").tBodies[0].replaceChildren(...events.map(row));
}

function row(event) {
  const tr = document.createElement("tr");
  const time = new Date(event.timestamp).toLocaleString();
  for (const text of [time, event.event_name, event.location_id, event.contact_id ?? "–"]) {
    tr.insertCell().textContent = text;
  }
  return tr;
}

show();
setInterval(() => { if (sessionStorage.getItem("key") !== null && !document.hidden) show(); }, REFRESH_MS);
