// Requests to the server, with a key or without one. What is refused arrives as a Problem.

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
    this.code = code;
    this.errors = errors;
  }
}

export const unreachable = () => new Problem(0, { detail: "The server cannot be reached." });

/**
 * The answer's JSON. Throws Problem, or AbortError when `signal` ended it.
 * @param {{query?: object, body?: object | string | Blob, signal?: AbortSignal, key?: string, type?: string}} [options]
 *   values of `query` that are null or empty are left out
 */
export async function request(method, path, options = {}) {
  const { query = {}, body, signal, key, type = "application/json" } = options;
  const headers = { "Content-Type": type };
  if (key) headers["X-API-Key"] = key;
  const isObject = typeof body === "object" && !(body instanceof Blob);
  const sent = isObject ? JSON.stringify(body) : body;
  const answer = await send(addressOf(path, query), { method, headers, signal, body: sent });
  const content = await answer.json().catch(() => ({})); // a proxy's error page
  signal?.throwIfAborted();
  if (answer.ok) return content;
  throw new Problem(answer.status, content);
}

function addressOf(path, query) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") {
      address.searchParams.set(name, value);
    }
  }
  return address;
}

async function send(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    options.signal?.throwIfAborted();
    throw unreachable();
  }
}
