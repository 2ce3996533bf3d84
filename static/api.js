// The API. The key goes with every request, and a refusal arrives as a Problem.

const STORE = "streamlined-lite";

// What programs are told of the key that they sent, in the words of a person who typed it.
const KEY_TROUBLES = {
  key_unknown: "That key isn’t valid.",
  key_revoked: "That key was revoked.",
};

/** A refusal: `message` is its detail, `errors` are `{pointer, code, message}`; status 0 means that no answer came. */
export class Problem extends Error {
  constructor(status, { code, detail = `The server answered ${status}.`, errors = [] }) {
    // Names a field, instead of pointing at it: "distinct_id is required".
    super(
      KEY_TROUBLES[code] ??
        detail.replace(/(^|; )[/?]([^\s:]+): (?=[a-z])/g, "$1$2 ").replace(/(^|; )[/?]/g, "$1"),
    );
    this.status = status;
    this.errors = errors;
  }
}

export const unreachable = () => new Problem(0, { detail: "The server cannot be reached." });

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

/**
 * The answer's JSON. Throws Problem, or AbortError when `signal` ended it.
 * @param {{query?: object, body?: object | string, signal?: AbortSignal, key?: string, type?: string}} [options] values of
 *   `query` that are null or empty are left out
 */
export async function call(method, path, options = {}) {
  const { query = {}, body, signal, key = session.key, type = "application/json" } = options;
  const headers = { "Content-Type": type };
  if (key) headers["X-API-Key"] = key;
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  const answer = await send(addressOf(path, query), { method, headers, signal, body: text });
  const content = await answer.json().catch(() => ({})); // a proxy's error page
  signal?.throwIfAborted();
  if (answer.ok) return content;
  const problem = new Problem(answer.status, content);
  // A refusal of another key ends no session.
  if (answer.status === 401 && key === session.key) listeners.onRefused(problem);
  throw problem;
}

function addressOf(path, query) {
  const address = new URL(path, location);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") {
      address.searchParams.set(name, value);
    }
  }
  return address;
}

async function send(address, request) {
  try {
    const answer = await fetch(address, request);
    listeners.onReachable(true);
    return answer;
  } catch {
    request.signal?.throwIfAborted();
    listeners.onReachable(false);
    throw unreachable();
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
