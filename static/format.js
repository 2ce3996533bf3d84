// Numbers, times and zones, as the viewer's locale writes them.

const made = new Map();

function formatter(kind, options, locale) {
  const name = kind.name + JSON.stringify(options);
  if (!made.has(name)) made.set(name, new kind(locale, options));
  return made.get(name);
}

const numbers = options => formatter(Intl.NumberFormat, options);
const times = options => formatter(Intl.DateTimeFormat, options);

// Numbers

function styleOf(format) {
  if (!format)
    return {
      maximumFractionDigits: 2,
      maximumSignificantDigits: 3,
      roundingPriority: "morePrecision",
    };
  const { style, currency, decimals = 0 } = format;
  return {
    style: style === "number" ? "decimal" : style,
    currency: currency ?? "USD",
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  };
}

const missing = value => (value ?? null) === null;
export const number = (value, format) =>
  missing(value) ? "–" : numbers(styleOf(format)).format(value);

// Short, for an axis: 12K, 0.5 %.
export const short = (value, format) =>
  numbers({ ...styleOf(format), notation: "compact", maximumSignificantDigits: 3 }).format(value);

export const count = (amount, noun) =>
  `${numbers({}).format(amount)} ${noun}${amount === 1 ? "" : "s"}`;

// How a value differs from the other one; nothing where one is missing.
export function change(value, other, format) {
  if (missing(value) || missing(other)) return "";
  const difference = Math.abs(value - other);
  const share = difference / Math.abs(other);
  if (number(value, format) === number(other, format)) return "no change";
  return (
    (value > other ? "▲ " : "▼ ") +
    (format?.style === "percent"
      ? `${number(difference * 100, { ...format, style: "number" })} points`
      : other === 0
        ? `from ${number(0, format)}`
        : number(share, { style: "percent", decimals: share < 0.1 ? 1 : 0 }))
  );
}

// Times

const shown = options => (iso, timeZone) =>
  iso ? times({ ...options, timeZone }).format(new Date(iso)) : "–";

export const time = shown({ dateStyle: "medium", timeStyle: "short" });
export const exactTime = shown({ dateStyle: "medium", timeStyle: "medium" });
export const viewerZone = () => times({}).resolvedOptions().timeZone;

export function isZone(timeZone) {
  try {
    return Boolean(timeZone && times({ timeZone }));
  } catch {
    return false;
  }
}

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

export function ago(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? [];
  return unit
    ? formatter(Intl.RelativeTimeFormat, {}).format(-Math.floor(seconds / size), unit)
    : "just now";
}

export function clock(moment, timeZone) {
  const options = {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "numeric",
  };
  const parts = formatter(Intl.DateTimeFormat, options, "en-u-ca-gregory-nu-latn").formatToParts(
    new Date(moment),
  );
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}

// Such as 2026-01-31.
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

// A bucket by its calendar unit; a week, and a part of a month, by its days.
export function bucketName({ start, end }, interval, zone) {
  const part =
    interval === "month" && (clock(start, zone).day !== "01" || clock(end, zone).day !== "01");
  return BUCKETS[interval] && !part
    ? shown(BUCKETS[interval])(start, zone)
    : span(start, end, zone);
}

// The days from a time up to another one, which is not in it.
export const span = (start, end, timeZone) =>
  times({ ...DAY, ...YEAR, timeZone }).formatRange(new Date(start), new Date(end) - 1);

export const tick = (moment, unit, zone) => shown(TICKS[unit])(moment, zone);
