// Questions before something is deleted, which say how much.

import { remove } from "./api.js";
import { confirm } from "./dialog.js";
import { count } from "./format.js";

/**
 * Asks before a DELETE, with the counts of its dry run; repeats it until nothing remains.
 * @param {{title: string, text: string, label: string, path: string, query?: object}} deletion
 */
export function confirmRemoval({ title, text, label, path, query = {} }) {
  const preview = async () => lossText(await remove(path, { ...query, dry_run: true }));
  const act = async report => {
    let { remaining } = await remove(path, query);
    while (remaining) {
      report(`${count(remaining, "row")} left …`);
      remaining = await removeMore(path, query);
    }
  };
  return confirm({ title, text, label, act, preview });
}

// What the server deletes by itself may be gone before it is asked for again.
async function removeMore(path, query) {
  try {
    return (await remove(path, query)).remaining;
  } catch (problem) {
    if (problem.status === 404) return 0;
    throw problem;
  }
}

const lossText = counts =>
  ["event", "contact", "tag", "rejection"]
    .filter(noun => `${noun}s` in counts)
    .map(noun => count(counts[`${noun}s`], noun))
    .join(", ");
