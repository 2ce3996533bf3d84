// The API, as the page needs it: the key goes with every request, and a refusal arrives as a Problem.

const STORE = "streamlined-lite";

/** What the server says is wrong; `message` is its `detail`. */
export class Problem extends Error {
  constructor(status, { detail, code = "", errors = [] }) {
    super(detail ?? `The server answered ${status}.`);
    Object.assign(this, { status, code, errors });
  }
}

/** No answer at all. */
export class Offline extends Error {}

// The session

export const session = { key: null, scope: null };
export const isAdmin = () => session.scope === "admin";

export function resume() {
  Object.assign(session, JSON.parse(sessionStorage.getItem(STORE) ?? localStorage.getItem(STORE)));
  return session.key !== null;
}

/** Learns what the key may do, and keeps it: for this tab, or on this computer. Throws Problem. */
export async function signIn(key, stay) {
  signOut();
  session.key = key;
  try {
    session.scope = await scopeOf();
  } catch (error) {
    signOut();
    throw error;
  }
  (stay ? localStorage : sessionStorage).setItem(STORE, JSON.stringify(session));
}

async function scopeOf() {
  try {
    await call("GET", "/keys/v1", { quiet: true });
    return "admin";
  } catch (problem) {
    if (problem.status !== 403) throw problem;
  }
  await call("GET", "/locations/v1", { quiet: true });
  return "read";
}

export function signOut() {
  sessionStorage.removeItem(STORE);
  localStorage.removeItem(STORE);
  Object.assign(session, { key: null, scope: null });
}

// Requests

/** The answer's JSON. Throws Problem, Offline, or AbortError when `signal` ended it. */
export async function call(method, path, { query = {}, body, signal, quiet, type = "application/json" } = {}) {
  const { key } = session;
  const headers = { "X-API-Key": key ?? "", ...(body === undefined ? {} : { "Content-Type": type }) };
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const address = path + (given.length ? `?${new URLSearchParams(given)}` : "");
  const answer = await ask(address, { method, headers, signal, body: typeof body === "object" ? JSON.stringify(body) : body });
  const content = await answer.json().catch((error) => { if (error.name === "AbortError") throw error; return {}; }); // a proxy's error page
  if (answer.ok) return content;
  const problem = new Problem(answer.status, content);
  // an answer to an earlier key ends no later session
  if (answer.status === 401 && !quiet && key === session.key) tell("refused", problem);
  throw problem;
}

async function ask(address, request) {
  try {
    const answer = await fetch(address, request);
    tell("reachable", true);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    tell("reachable", false);
    throw new Offline();
  }
}

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, signal) => call("POST", path, { body, signal });
export const put = (path, body) => call("PUT", path, { body });
export const remove = (path, query) => call("DELETE", path, { query });

/** Signals of which each ends the one before, so that a slow answer never follows a newer one. */
export function newest(outer) {
  let current;
  outer.addEventListener("abort", () => current?.abort());
  return () => {
    current?.abort();
    current = new AbortController();
    if (outer.aborted) current.abort();
    return current.signal;
  };
}

// Locations, which nearly every view names

let places = [];

export async function loadLocations(signal) {
  places = (await get("/locations/v1", {}, signal)).locations;
  return places;
}

export const locations = () => places;
export const findLocation = (id) => places.find((each) => each.location_id === id);
export const locationName = (id) => findLocation(id)?.name ?? id;

/** This server's address, as senders must use it. */
export async function publicAddress(signal) {
  const [{ url }] = (await get("/openapi.json", {}, signal)).servers;
  return url === "/" ? location.origin : url.replace(/\/$/, "");
}
