// Numbers, times and zones, as the viewer's locale writes them.

const made = new Map();

function formatter(kind, options, locale) {
  const name = kind.name + JSON.stringify(options);
  if (!made.has(name)) made.set(name, new kind(locale, options));
  return made.get(name);
}

const numbers = (options) => formatter(Intl.NumberFormat, options);
const times = (options) => formatter(Intl.DateTimeFormat, options);

// Numbers

function styleOf(format) {
  if (!format) return { maximumFractionDigits: 2 };
  const { style, currency = "USD", decimals = 0 } = format;
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return style === "percent" ? { style, ...digits } : style === "currency" ? { style, currency: currency ?? "USD", ...digits } : digits;
}

export const number = (value, format = null) => (value ?? null) === null ? "–" : numbers(styleOf(format)).format(value);

/** Short, for an axis: 12K, 0.5 %. `step` is the distance of the ticks, which says how many digits matter. */
export function short(value, format, step) {
  const large = Math.abs(value) >= 10_000;
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step * (format?.style === "percent" ? 100 : 1)) + 1e-9)));
  return numbers({ ...styleOf(format), notation: large ? "compact" : "standard", minimumFractionDigits: 0,
    maximumFractionDigits: large ? 1 : digits }).format(value);
}

const whole = (value) => numbers({}).format(value);
export const count = (amount, noun) => `${whole(amount)} ${noun}${amount === 1 ? "" : "s"}`;

/** How a value differs from the one it is compared with: {sign, text}. */
export function change(value, other, format) {
  if ((value ?? null) === null || (other ?? null) === null) return { sign: 0, text: "no comparison" };
  const sign = Math.sign(value - other);
  if (!sign) return { sign, text: "no change" };
  if (format?.style === "percent") return { sign,
    text: `${numbers({ maximumFractionDigits: 1, signDisplay: "always" }).format((value - other) * 100)} points` };
  if (other === 0) return { sign, text: `from ${number(0, format)}` };
  const share = (value - other) / Math.abs(other);
  return { sign, text: numbers({ style: "percent", maximumFractionDigits: Math.abs(share) < 0.1 ? 1 : 0,
    signDisplay: "always" }).format(share) };
}

// Times

const shown = (options) => (iso, timeZone) => (iso ? times({ ...options, timeZone }).format(new Date(iso)) : "–");

export const time = shown({ dateStyle: "medium", timeStyle: "short" });
export const exactTime = shown({ dateStyle: "medium", timeStyle: "medium" });
export const date = shown({ dateStyle: "medium" });
export const viewerZone = () => times({}).resolvedOptions().timeZone;

const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 10]];

export function ago(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? [];
  return unit ? formatter(Intl.RelativeTimeFormat, { numeric: "auto" }).format(-Math.floor(seconds / (unit === "second" ? 1 : size)), unit)
    : "just now";
}

/** The calendar and the clock of a zone at a moment. */
export function clock(moment, timeZone) {
  const options = { timeZone, hourCycle: "h23", weekday: "short", year: "numeric", month: "2-digit", day: "2-digit", hour: "numeric",
    minute: "numeric" };
  const parts = formatter(Intl.DateTimeFormat, options, "en-u-ca-gregory-nu-latn").formatToParts(new Date(moment));
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}

/** The day (2026-01-31) of a moment in a zone. */
export function dayOf(moment, zone) {
  const { year, month, day } = clock(moment, zone);
  return `${year}-${month}-${day}`;
}

const BUCKETS = {
  hour: { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
};

/** A bucket by its calendar unit; a week, and a part of a month, by its days. */
export function bucketName({ start, end }, interval, zone) {
  const part = interval === "month" && (clock(start, zone).day !== "01" || clock(end, zone).day !== "01");
  return BUCKETS[interval] && !part ? shown(BUCKETS[interval])(start, zone) : span(start, end, zone);
}

/** The days from a time up to another one, which is not in it. */
export const span = (start, end, timeZone) => times({ day: "numeric", month: "short", year: "numeric",
  timeZone }).formatRange(new Date(start), new Date(end) - 1);

const TICKS = { hour: { hour: "numeric", minute: "2-digit" }, day: { day: "numeric", month: "short" }, month: { month: "short" },
  year: { year: "numeric" } };

/** The label of an axis, where a calendar unit begins. */
export const tick = (moment, unit, zone) => shown(TICKS[unit])(moment, zone);
