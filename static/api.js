// The API. The key goes with every request, and a refusal arrives as a Problem.

import { Problem, request, unreachable } from "./request.js";

export { Problem, unreachable };

const STORE = "streamlined-lite";

// The session

/** Signed in: `key`, `scope`, `timezone` (the server's), and `address` (for senders, without a slash at its end). */
export const session = { key: null };
export const isAdmin = () => session.scope === "admin";
export const keptKey = () => sessionStorage.getItem(STORE) ?? localStorage.getItem(STORE);

/** Throws Problem where the key is not valid or may not read. Keeps it in `storage`, if one is given. */
export async function signIn(key, storage) {
  const answer = await call("GET", "/session/v1", { key });
  const { scope } = answer.key;
  if (!["read", "admin"].includes(scope)) {
    throw new Problem(403, {
      detail: "This key may post events, but not read them. Sign in with a read or admin key.",
    });
  }
  const address = answer.public_url || location.origin;
  Object.assign(session, { key, scope, timezone: answer.timezone, address });
  await loadLocations();
  storage?.setItem(STORE, key);
}

/** Keeps the session's key also for new tabs, and after the browser was closed. */
export function staySignedIn() {
  localStorage.setItem(STORE, session.key);
  sessionStorage.removeItem(STORE);
}

export function signOut() {
  sessionStorage.removeItem(STORE);
  localStorage.removeItem(STORE);
  session.key = null;
}

// Requests

/** What the page does when the key is no longer valid, and after each request, reached or not. It sets both. */
export const listeners = { onRefused: _problem => {}, onReachable: _isReachable => {} };

/** As request(), with the session's key unless another one is given. Throws AbortError where the session has ended. */
export async function call(method, path, options = {}) {
  const { key = session.key } = options;
  // What was under way when somebody signed out asks for nothing more.
  if (key === null) throw new DOMException("Signed out.", "AbortError");
  try {
    const content = await request(method, path, { ...options, key });
    listeners.onReachable(true);
    return content;
  } catch (error) {
    if (error instanceof Problem) {
      listeners.onReachable(error.status !== 0);
      // A refusal of another key ends no session.
      if (error.status === 401 && key === session.key) listeners.onRefused(error);
    }
    throw error;
  }
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, signal) => call("POST", path, { body, signal });
export const put = (path, body) => call("PUT", path, { body });
export const remove = (path, query) => call("DELETE", path, { query });

/** Texts as the parts of a path. The API trims them, and a browser resolves . and .. however they are encoded. */
export const pathOf = (...parts) =>
  parts.map(part => encodeURIComponent(/^\.\.?$/.test(part) ? `${part} ` : part)).join("/");

// Locations

/** As the API lists them. */
export let locations = [];

export async function loadLocations() {
  ({ locations } = await get("/locations/v1"));
  return locations;
}

export const findLocation = id => locations.find(({ location_id }) => location_id === id);
export const locationName = id => findLocation(id)?.name ?? id;
