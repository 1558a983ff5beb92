// Formats times, durations and ids for people.

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat();

export const number = (value) => NUMBER.format(value);
export const dateAndTime = (text) => DATE.format(new Date(text));
/** The time of day; with the date unless it is today. */
export const timeOfDay = (text) =>
  new Date(text).toDateString() === new Date().toDateString() ? TIME.format(new Date(text)) : dateAndTime(text);
export const clockTime = (milliseconds) => CLOCK.format(new Date(milliseconds));

/** `640 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds) {
  if (milliseconds === null || Number.isNaN(milliseconds)) return "–";
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const [big, small, ratio, unit] =
    seconds < 3600 ? ["min", "s", 60, 1] : seconds < 86400 ? ["h", "min", 60, 60] : ["d", "h", 24, 3600];
  const units = Math.floor(seconds / unit);
  const rest = units % ratio;
  return `${Math.floor(units / ratio)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}

/** `now`, `12 s ago`, `3 min ago` or `in 5 min`: in one unit. */
export function age(text, now) {
  const seconds = Math.round((now - Date.parse(text)) / 1000);
  const away = Math.abs(seconds);
  if (away < 2) return "now";
  const span =
    away < 60 ? `${away} s` : away < 3600 ? `${Math.floor(away / 60)} min` : away < 172800
      ? `${Math.floor(away / 3600)} h` : `${Math.floor(away / 86400)} d`;
  return seconds < 0 ? `in ${span}` : `${span} ago`;
}

/** The last characters of an id, which differ even between tasks of the same millisecond. */
export const shortId = (id) => id.slice(-8);

/** `1 task`, `12 tasks`. */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A sentence with its times (RFC 3339, UTC) in local time. */
export const inLocalTime = (text) => text?.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, timeOfDay);
