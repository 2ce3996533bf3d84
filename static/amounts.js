// Amounts as they are typed: of percentages in percent, of durations as these are shown, such as 4 m 12 s.

/** An amount as it is typed; of null, nothing. @param {string} [style] of the metric's format */
export function typedAmount(amount, style) {
  if (amount === null) return "";
  if (style === "duration") return typedDuration(amount);
  return String(style === "percent" ? times(amount, 100) : amount);
}

/** The amount that was typed; NaN where it is none. */
export function readAmount(typed, style) {
  if (style === "duration") return readDuration(typed);
  return style === "percent" ? times(Number(typed), 0.01) : Number(typed);
}

const DURATION_SECONDS = { d: 86_400, h: 3600, m: 60, s: 1 };
const DURATION_PART = /(\d+(?:\.\d+)?)\s*([dhms]?)\b/g;

// Exactly, so that what is only looked at does not change.
function typedDuration(seconds) {
  const texts = [];
  let rest = seconds;
  for (const [unit, size] of Object.entries(DURATION_SECONDS)) {
    const amount = unit === "s" ? times(rest, 1) : Math.floor(rest / size);
    if (amount) texts.push(`${amount} ${unit}`);
    rest -= amount * size;
  }
  return texts.join(" ") || "0 s";
}

// The seconds of such as 4 m 12 s; a number alone is seconds. NaN of what is none.
function readDuration(typed) {
  const parts = [...typed.matchAll(DURATION_PART)];
  const isDuration = parts.length > 0 && !typed.replaceAll(DURATION_PART, "").trim();
  if (!isDuration) return NaN;
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (DURATION_SECONDS[unit] ?? 1),
    0,
  );
}

export const isDurationText = typed => !Number.isNaN(readDuration(typed));
export const WRONG_DURATION = "Enter a time such as 5 m, 1 h 30 m or 2 d.";

// Without the last digits, in which decimal numbers are not exact.
const times = (amount, factor) => Number((amount * factor).toPrecision(12));
