// Icons. Each one is beside a text or a label with the same meaning.

import { html } from "./html.js";

const DRAWINGS = {
  scheduled: html`<circle cx="8" cy="8" r="6" /><path d="M8 4.8V8l2.2 1.6" />`,
  queued: html`<circle cx="3.5" cy="8" r=".9" /><circle cx="8" cy="8" r=".9" /><circle cx="12.5" cy="8" r=".9" />`,
  running: html`<path d="M5.5 3.5v9l7-4.5z" fill="currentColor" />`,
  retrying: html`<path d="M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3" />`,
  succeeded: html`<path d="M3 8.5l3.4 3.4L13 4.8" />`,
  failed: html`<path d="M4 4l8 8M12 4l-8 8" />`,
  canceled: html`<circle cx="8" cy="8" r="5.8" /><path d="M4 12L12 4" />`,
  expired: html`<path d="M4 2.5h8M4 13.5h8M4.8 2.5c0 3.5 6.4 7.5 6.4 11M11.2 2.5c0 3.5-6.4 7.5-6.4 11" />`,
  paused: html`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  add: html`<path d="M8 3v10M3 8h10" />`,
  close: html`<path d="M4 4l8 8M12 4l-8 8" />`,
  copy: html`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 2.5h-7a1 1 0 0 0-1 1v7" />`,
  fold: html`<path d="M6 4l4 4-4 4" />`,
  back: html`<path d="M9.5 3.5L5 8l4.5 4.5" />`,
  warning: html`<path d="M8 2.5L14.5 13.5H1.5z M8 6.5v3.2M8 11.6v.1" />`,
  inbox: html`<path d="M2.5 9.5l2-6h7l2 6v4h-11zM2.5 9.5h3.3c.3 1.3 1.1 2 2.2 2s1.9-.7 2.2-2h3.3" />`,
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${DRAWINGS[name]}</svg>`;
}
