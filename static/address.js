// A view's state in the address.

/** The address with what of a state differs from its defaults. */
export function withState(path, state, defaults) {
  const changes = Object.entries(state).filter(
    ([name, value]) => name in defaults && String(value) !== defaults[name],
  );
  const query = new URLSearchParams(changes);
  return query.size ? `${path}?${query}` : path;
}
