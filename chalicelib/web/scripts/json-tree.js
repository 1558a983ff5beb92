// A JSON value as a tree in which deep and long parts are folded.

import { Fragment, html, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Copy } from "./parts.js";

const OPEN_DEPTH = 2;
const OPEN_ITEMS = 20;
const SHOWN_ITEMS = 100;
const SHOWN_CHARACTERS = 600;

export function Json({ value, label }) {
  return html`<div class="json" role="group" aria-label=${label}>
    <${Copy} text=${() => JSON.stringify(value, null, 2)} label="Copy ${label} as JSON" />
    <${Value} value=${value} depth=${0} />
  </div>`;
}

function Value({ value, name, depth }) {
  const key = name === undefined ? null : html`<span class="key">${name}</span>`;
  if (value === null || typeof value !== "object") {
    return html`<div class="leaf">${key}<${Scalar} value=${value} /></div>`;
  }
  const items = Array.isArray(value) ? value.map((item, index) => [index, item]) : Object.entries(value);
  const summary = Array.isArray(value) ? `[${items.length}]` : `{${items.length}}`;
  if (items.length === 0) return html`<div class="leaf">${key}<span class="size">${summary}</span></div>`;
  return html`<${Branch} key_=${key} items=${items} summary=${summary} depth=${depth} />`;
}

function Branch({ key_, items, summary, depth }) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && items.length <= OPEN_ITEMS);
  const [shown, setShown] = useState(SHOWN_ITEMS);
  return html`<${Fragment}>
    <button type="button" class="branch" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <${Icon} name="fold" />${key_}<span class="size">${summary}</span>
      ${!isOpen && html`<span class="glimpse">${glimpse(items)}</span>`}
    </button>
    ${isOpen && html`<div class="items">
      ${items.slice(0, shown).map(([name, item]) => html`<${Value} key=${name} name=${name} value=${item} depth=${depth + 1} />`)}
      ${shown < items.length && html`<button type="button" class="quiet small" onClick=${() => setShown(shown + SHOWN_ITEMS)}>
        ${items.length - shown} more
      </button>`}
    </div>`}
  </${Fragment}>`;
}

/** The first items of a folded value, to find a value without opening all. */
function glimpse(items) {
  return items.slice(0, 4).map(([, item]) => (item !== null && typeof item === "object" ? "…" : String(item).slice(0, 24))).join(", ");
}

function Scalar({ value }) {
  const [isWhole, setWhole] = useState(false);
  if (typeof value !== "string") return html`<span class=${value === null ? "null" : typeof value}>${String(value)}</span>`;
  if (isWhole || value.length <= SHOWN_CHARACTERS) return html`<span class="string">${value === "" ? "“”" : value}</span>`;
  return html`<span class="string">${value.slice(0, SHOWN_CHARACTERS)}…
    <button type="button" class="quiet small" onClick=${() => setWhole(true)}>all ${value.length} characters</button>
  </span>`;
}
