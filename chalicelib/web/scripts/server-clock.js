// The time of the service's clock, which all times in its responses refer to. The browser's clock may be wrong.

/** `Date` has whole seconds and responses take time, so smaller differences are ignored. */
const IGNORED_MS = 3000;

let offset = 0;

/** Sets the clock from the `Date` of a response to a request that was sent at `sentAt`. */
export function setClock(date, sentAt) {
  const difference = Date.parse(date) + 500 - (sentAt + Date.now()) / 2;
  if (!Number.isNaN(difference)) offset = Math.abs(difference) < IGNORED_MS ? 0 : difference;
}

/** Milliseconds since 1970. */
export const now = () => Date.now() + offset;
