// The API, as the page needs it: the key goes with every request, and a refusal arrives as a Problem.

const STORE = "streamlined-lite";

/** What the server says is wrong; `message` is its `detail`. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
  }
}

/** No answer at all. */
export class Offline extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

// The session

export const session = { key: null, scope: null };

export function isAdmin() {
  return session.scope === "admin";
}

export function resume() {
  const kept = sessionStorage.getItem(STORE) ?? localStorage.getItem(STORE);
  if (kept) Object.assign(session, JSON.parse(kept));
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
export async function call(method, path, { query = {}, body, signal, quiet = false, type = "application/json" } = {}) {
  const key = session.key;
  const headers = { "X-API-Key": key ?? "" };
  if (body !== undefined) headers["Content-Type"] = type;
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const answer = await ask(path + search(query), { method, headers, body: sent, signal });
  const content = await contentOf(answer);
  if (answer.ok) return content;
  const problem = new Problem(answer.status, content);
  // an answer to an earlier key ends no later session
  if (answer.status === 401 && !quiet && key === session.key) document.dispatchEvent(new CustomEvent("refused", { detail: problem }));
  throw problem;
}

async function ask(address, request) {
  try {
    const answer = await fetch(address, request);
    reachable(true);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    reachable(false);
    throw new Offline();
  }
}

async function contentOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return {}; // a proxy's error page
  }
}

function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

function reachable(yes) {
  document.dispatchEvent(new CustomEvent("reachable", { detail: yes }));
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, signal) => call("POST", path, { body, signal });
export const put = (path, body) => call("PUT", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path, query) => call("DELETE", path, { query });

export function contactPath(locationId, contactId) {
  return `/contacts/v1/${encodeURIComponent(locationId)}/${encodeURIComponent(contactId)}`;
}

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
