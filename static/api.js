// The API: the key goes with every request, and a refusal arrives as a Problem.

const STORE = "streamlined-lite";

export class Problem extends Error {
  constructor(status, { detail = `The server answered ${status}.`, errors = [] }) {
    super(detail.replace(/(^|; )[/?]/g, "$1")); // a field by its name, not by its pointer
    Object.assign(this, { status, errors });
  }
}

// The session

export const session = { key: null }; // and, signed in: scope, the server's timezone, its address for senders
export const isAdmin = () => session.scope === "admin";
export const keptKey = () => sessionStorage.getItem(STORE) ?? localStorage.getItem(STORE);

// Throws Problem where the key is not valid or may not read.
export async function signIn(key, store) {
  const {
    key: { scope },
    timezone,
    public_url: address,
  } = await call("GET", "/session/v1", { key });
  if (!["read", "admin"].includes(scope)) {
    throw new Problem(403, {
      detail: "This key may post events, but not read them. Sign in with a read or admin key.",
    });
  }
  Object.assign(session, { key, scope, timezone, address: address || location.origin });
  await loadLocations();
  store?.setItem(STORE, key);
}

export function signOut() {
  sessionStorage.removeItem(STORE);
  localStorage.removeItem(STORE);
  session.key = null;
}

// Requests

export const told = {}; // refused(problem) when the key no longer is valid, and reachable(yes) after each request

// The answer's JSON. Throws Problem, or AbortError when `signal` ended it.
export async function call(
  method,
  path,
  { query = {}, body, signal, key = session.key, type = "application/json" } = {},
) {
  const headers = { "Content-Type": type, ...(key && { "X-API-Key": key }) };
  const address = new URL(path, location);
  for (const [name, value] of Object.entries(query))
    if ((value ?? "") !== "") address.searchParams.set(name, value);
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  const answer = await fetch(address, { method, headers, signal, body: text }).catch(() => {
    signal?.throwIfAborted();
    told.reachable(false);
    throw new Problem(0, { detail: "The server cannot be reached. Trying again …" });
  });
  told.reachable(true);
  const content = await answer.json().catch(() => ({})); // a proxy's error page
  signal?.throwIfAborted();
  if (answer.ok) return content;
  const problem = new Problem(answer.status, content);
  if (answer.status === 401 && key === session.key) told.refused(problem); // an answer to another key ends no session
  throw problem;
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, signal) => call("POST", path, { body, signal });
export const put = (path, body) => call("PUT", path, { body });
export const remove = (path, query) => call("DELETE", path, { query });

// Locations

export let locations = [];

export async function loadLocations() {
  ({ locations } = await get("/locations/v1"));
  return locations;
}

export const findLocation = id => locations.find(each => each.location_id === id);
export const locationName = id => findLocation(id)?.name ?? id;
