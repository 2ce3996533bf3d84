// Numbers, times and zones, as the viewer's locale writes them.

const numberFormats = new Map();
const timeFormats = new Map();

function numberFormat(options) {
  const name = JSON.stringify(options);
  if (!numberFormats.has(name)) numberFormats.set(name, new Intl.NumberFormat(undefined, options));
  return numberFormats.get(name);
}

function timeFormat(options) {
  const name = JSON.stringify(options);
  if (!timeFormats.has(name)) timeFormats.set(name, new Intl.DateTimeFormat(undefined, options));
  return timeFormats.get(name);
}

// Numbers

export const NONE = "–";

function styleOf(format) {
  if (!format) return { maximumFractionDigits: 2 };
  const digits = { minimumFractionDigits: format.decimals ?? 0, maximumFractionDigits: format.decimals ?? 0 };
  if (format.style === "percent") return { style: "percent", ...digits };
  if (format.style === "currency") return { style: "currency", currency: format.currency ?? "USD", ...digits };
  return digits;
}

export function number(value, format = null) {
  return value === null || value === undefined ? NONE : numberFormat(styleOf(format)).format(value);
}

/** Short, for an axis: 12K, 0.5 %. `step` is the distance of the ticks, which says how many digits matter. */
export function short(value, format, step) {
  const base = styleOf(format);
  const large = Math.abs(value) >= 10_000;
  const percent = base.style === "percent" ? 100 : 1;
  const places = Math.max(0, Math.min(6, -Math.floor(Math.log10(step * percent) + 1e-9)));
  return numberFormat({ ...base, notation: large ? "compact" : "standard", minimumFractionDigits: 0,
    maximumFractionDigits: large ? 1 : step * percent % 1 ? Math.max(places, 1) : 0 }).format(value);
}

export const whole = (value) => numberFormat({}).format(value);

export function count(amount, noun, nouns = `${noun}s`) {
  return `${whole(amount)} ${amount === 1 ? noun : nouns}`;
}

/** How a value differs from the one it is compared with: {sign, text}. */
export function change(value, other, format) {
  if (value === null || other === null || value === undefined || other === undefined) return { sign: 0, text: "no comparison" };
  if (value === other) return { sign: 0, text: "no change" };
  const sign = Math.sign(value - other);
  if (format?.style === "percent") {
    return { sign, text: `${numberFormat({ maximumFractionDigits: 1, signDisplay: "always" }).format((value - other) * 100)} points` };
  }
  if (other === 0) return { sign, text: `from ${number(0, format)}` };
  const share = (value - other) / Math.abs(other);
  return { sign, text: numberFormat({ style: "percent", maximumFractionDigits: Math.abs(share) < 0.1 ? 1 : 0, signDisplay: "always" }).format(share) };
}

// Times

export function time(iso, zone) {
  return iso ? timeFormat({ dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(iso)) : NONE;
}

export function exactTime(iso, zone) {
  return iso ? timeFormat({ dateStyle: "medium", timeStyle: "medium", timeZone: zone }).format(new Date(iso)) : NONE;
}

export function date(iso, zone) {
  return iso ? timeFormat({ dateStyle: "medium", timeZone: zone }).format(new Date(iso)) : NONE;
}

const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(iso)) / 1000);
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ["second", 1];
  return seconds < 10 ? "just now" : relative.format(-Math.floor(seconds / size), unit);
}

export function viewerZone() {
  return timeFormat({}).resolvedOptions().timeZone;
}

/** The day (2026-01-31) of a moment in a zone. */
export function dayOf(moment, zone) {
  const { year, month, day } = clock(moment, zone);
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

const clocks = new Map();

/** The calendar and the clock of a zone at a moment. */
export function clock(moment, zone) {
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone: zone, hourCycle: "h23", weekday: "short", year: "numeric",
      month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" }));
  }
  const parts = Object.fromEntries(clocks.get(zone).formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
  return { year: +parts.year, month: +parts.month, day: +parts.day, hour: +parts.hour, minute: +parts.minute, weekday: parts.weekday };
}

const BUCKETS = {
  hour: { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
};
const DAYS = { day: "numeric", month: "short", year: "numeric" };

/** A bucket by its calendar unit; one that is only a part of it by its days. */
export function bucketName({ start, end }, interval, zone) {
  const begins = new Date(start);
  const last = new Date(new Date(end) - 1);
  const { day } = clock(begins, zone);
  if (interval === "month" && day === 1 && clock(end, zone).day === 1) return timeFormat({ ...BUCKETS.month, timeZone: zone }).format(begins);
  if (interval === "hour" || interval === "day") return timeFormat({ ...BUCKETS[interval], timeZone: zone }).format(begins);
  return span(begins, last, zone);
}

export function span(first, last, zone) {
  return timeFormat({ ...DAYS, timeZone: zone }).formatRange(new Date(first), new Date(last));
}

/** The label of an axis: `unit` is the largest that begins there. */
export function tick(moment, unit, zone) {
  const options = { hour: { hour: "numeric", minute: "2-digit" }, day: { day: "numeric", month: "short" }, month: { month: "short" },
    year: { year: "numeric" } }[unit];
  return timeFormat({ ...options, timeZone: zone }).format(new Date(moment));
}
