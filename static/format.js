// Numbers, times, zones and texts, as the viewer's locale writes them.

const formatters = new Map();

// Those of Intl are slow to make, so each is made once.
function formatter(kind, options, locale) {
  const name = kind.name + JSON.stringify(options);
  if (!formatters.has(name)) formatters.set(name, new kind(locale, options));
  return formatters.get(name);
}

const numberFormat = options => formatter(Intl.NumberFormat, options);
const timeFormat = options => formatter(Intl.DateTimeFormat, options);

// Numbers

/**
 * How a metric's numbers are shown, as the API has it. Without one they have as many decimals as they need; a duration is
 * a number of seconds.
 * @typedef {{style: "number" | "percent" | "currency" | "duration", decimals?: number, currency?: string}} Format
 */

function optionsOf(format) {
  if (!format) {
    return {
      maximumFractionDigits: 2,
      maximumSignificantDigits: 3,
      roundingPriority: "morePrecision",
    };
  }
  const { style, currency, decimals = 0 } = format;
  return {
    style: style === "number" ? "decimal" : style,
    currency: currency ?? "USD",
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  };
}

const isMissing = value => value === null || value === undefined;

/** @param {number | null} value @param {Format} [format] */
export function number(value, format) {
  if (isMissing(value)) return "–";
  if (isDuration(format)) return duration(value);
  return numberFormat(optionsOf(format)).format(value);
}

/** Short, for an axis: 12K, 0.5 %, 1.5 h. */
export function shortNumber(value, format) {
  if (isDuration(format)) return shortDuration(value);
  const options = { ...optionsOf(format), notation: "compact", maximumSignificantDigits: 3 };
  return numberFormat(options).format(value);
}

export const isDuration = format => format?.style === "duration";

const DURATION_UNITS = [
  { sign: "d", seconds: 86_400 },
  { sign: "h", seconds: 3600 },
  { sign: "m", seconds: 60 },
  { sign: "s", seconds: 1 },
];
const NO_BREAK = "\u00a0";

const amountOf = (amount, sign) =>
  `${numberFormat({ maximumFractionDigits: 1 }).format(amount)}${NO_BREAK}${sign}`;

/** Seconds in their two largest units, such as 4 m 12 s. */
export function duration(value) {
  const size = Math.abs(value);
  if (size < 10) return amountOf(value, "s");
  const largest = DURATION_UNITS.findIndex(({ seconds }) => size >= seconds);
  const { seconds: exactness } = DURATION_UNITS[largest + 1] ?? DURATION_UNITS[largest];
  const texts = [];
  let rest = Math.round(size / exactness) * exactness;
  for (const { sign, seconds } of DURATION_UNITS) {
    const amount = Math.floor(rest / seconds);
    if (amount) texts.push(amountOf(amount, sign));
    rest -= amount * seconds;
  }
  return (value < 0 ? "-" : "") + texts.join(NO_BREAK);
}

// In the largest unit alone.
function shortDuration(value) {
  if (value === 0) return "0";
  const { sign, seconds } =
    DURATION_UNITS.find(unit => Math.abs(value) >= unit.seconds) ?? DURATION_UNITS.at(-1);
  return amountOf(value / seconds, sign);
}

/** A sentence that the API wrote as the end of one. What it begins with may be a name of ours, such as distinct_id. */
export const capitalized = text =>
  /^[a-z]+\b/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;

/** A text's first characters, never half of one. */
export function cut(text, length) {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : text;
}

/** An event's properties in a line. */
export const propertiesText = properties =>
  Object.entries(properties)
    .map(pair => pair.join(": "))
    .join(" · ");

/** Such as "1 event", "2 events". */
export const count = (amount, noun) =>
  `${numberFormat({}).format(amount)} ${noun}${amount === 1 ? "" : "s"}`;

/** How a value differs from an earlier one, such as "▲ 12%"; an empty text where one of them is missing. */
export function change(value, earlier, format) {
  if (isMissing(value) || isMissing(earlier)) return "";
  if (number(value, format) === number(earlier, format)) return "no change";
  const arrow = value > earlier ? "▲" : "▼";
  return `${arrow} ${changeSize(value, earlier, format)}`;
}

/** The same as a number: in percent or, of percentages, in points; null where there is none. */
export function changeAmount(value, earlier, format) {
  if (isMissing(value) || isMissing(earlier)) return null;
  if (format?.style === "percent") return rounded((value - earlier) * 100);
  if (value === earlier) return 0;
  return earlier === 0 ? null : rounded(((value - earlier) / Math.abs(earlier)) * 100);
}

// Without the last digits, in which decimal numbers are not exact.
const rounded = value => Number(value.toPrecision(12));

function changeSize(value, earlier, format) {
  const difference = Math.abs(value - earlier);
  if (format?.style === "percent") {
    return `${number(difference * 100, { ...format, style: "number" })} points`;
  }
  if (earlier === 0) return `from ${number(0, format)}`;
  const share = difference / Math.abs(earlier);
  return number(share, { style: "percent", decimals: share < 0.1 ? 1 : 0 });
}

// Times: ISO 8601 texts or milliseconds; a zone is an IANA name, without one it is the viewer's.

const formatTime = (options, moment, timeZone) =>
  moment ? timeFormat({ ...options, timeZone }).format(new Date(moment)) : "–";

export const time = (moment, zone) =>
  formatTime({ dateStyle: "medium", timeStyle: "short" }, moment, zone);

/** With seconds. */
export const exactTime = (moment, zone) =>
  formatTime({ dateStyle: "medium", timeStyle: "medium" }, moment, zone);

export const viewerZone = () => timeFormat({}).resolvedOptions().timeZone;

export function isZone(timeZone) {
  try {
    return Boolean(timeZone && timeFormat({ timeZone }));
  } catch {
    return false;
  }
}

const UNITS = [
  { unit: "year", seconds: 31_536_000 },
  { unit: "month", seconds: 2_592_000 },
  { unit: "day", seconds: 86_400 },
  { unit: "hour", seconds: 3600 },
  { unit: "minute", seconds: 60 },
];
const SECOND = { unit: "second", seconds: 1 };

/** Such as "3 days ago". Seconds are for what is told anew as they pass. */
export function ago(moment, { withSeconds = false } = {}) {
  const age = (Date.now() - new Date(moment)) / 1000;
  const units = withSeconds ? [...UNITS, SECOND] : UNITS;
  const largest = units.find(({ seconds }) => age >= seconds);
  if (!largest) return "just now";
  const amount = Math.floor(age / largest.seconds);
  return formatter(Intl.RelativeTimeFormat, {}).format(-amount, largest.unit);
}

const CLOCK = {
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "numeric",
};

/** The parts of a time in a zone, as texts: {year, month, day, hour}. */
export function clock(moment, timeZone) {
  const format = formatter(Intl.DateTimeFormat, { ...CLOCK, timeZone }, "en-u-ca-gregory-nu-latn");
  const parts = format.formatToParts(new Date(moment));
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}

/** Such as 2026-01-31. */
export function dayOf(moment, zone) {
  const { year, month, day } = clock(moment, zone);
  return `${year}-${month}-${day}`;
}

const HOUR = { hour: "numeric", minute: "2-digit" };
const DAY = { day: "numeric", month: "short" };
const YEAR = { year: "numeric" };
const BUCKETS = {
  hour: { weekday: "short", ...DAY, ...HOUR },
  day: { weekday: "short", ...DAY, ...YEAR },
  month: { month: "long", ...YEAR },
};
const TICKS = { hour: HOUR, day: DAY, month: { month: "short" }, year: YEAR };

/** A bucket's name: its calendar unit; for a week, and for a part of a month, its days. */
export function bucketName({ start, end }, interval, zone) {
  const isPartOfMonth =
    interval === "month" && (clock(start, zone).day !== "01" || clock(end, zone).day !== "01");
  if (BUCKETS[interval] && !isPartOfMonth) return formatTime(BUCKETS[interval], start, zone);
  return span(start, end, zone);
}

/** The days from a time to another one, which is not in it. */
export function span(start, end, timeZone) {
  const first = new Date(start);
  const last = Math.max(first, new Date(end) - 1); // a day that the zone skips has no time at all
  return timeFormat({ ...DAY, ...YEAR, timeZone }).formatRange(first, last);
}

/** The label of an axis where a calendar unit begins. @param {"hour" | "day" | "month" | "year"} unit */
export const tickName = (moment, unit, zone) => formatTime(TICKS[unit], moment, zone);
