// The time by the service's clock: that of the browser may be wrong, and all moments come from the service.

/** `Date` counts whole seconds and answers take time, so a smaller difference means nothing. */
const MEANINGLESS_MS = 3000;

let offset = 0;

/** Sets the clock by the `Date` of an answer to what was asked at `asked`. */
export function setClock(date, asked) {
  const difference = Date.parse(date) + 500 - (asked + Date.now()) / 2;
  if (!Number.isNaN(difference)) offset = Math.abs(difference) < MEANINGLESS_MS ? 0 : difference;
}

/** Milliseconds since 1970. */
export const now = () => Date.now() + offset;
