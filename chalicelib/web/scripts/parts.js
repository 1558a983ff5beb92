// The components that all views share.

import { useEffect, useId, useRef, useState, html } from "./html.js";
import { Icon } from "./icons.js";
import { useNow } from "./observable.js";
import { age, dateAndTime } from "./format.js";

export function Status({ of: status }) {
  return html`<span class="status ${status}"><${Icon} name=${status} />${status}</span>`;
}

/** A time as a distance from now; the title has the exact time. */
export function Moment({ at }) {
  const now = useNow();
  if (!at) return "–";
  return html`<time datetime=${at} title=${dateAndTime(at)}>${age(at, now)}</time>`;
}

export function Progress({ of: progress, label }) {
  const percent = Math.round(progress?.percent ?? 0);
  return html`<progress max="100" value=${percent} aria-label=${label ?? "progress"}>${percent} %</progress>`;
}

/** The content of an empty or failed panel. */
export function Blank({ icon = "inbox", title, children }) {
  return html`<div class="blank">
    <${Icon} name=${icon} />
    <h3>${title}</h3>
    ${children && html`<div>${children}</div>`}
  </div>`;
}

/** An error, and a button that tries again. */
export function Trouble({ problem, retry }) {
  if (!problem) return null;
  return html`<div class="trouble" role="alert">
    <${Icon} name="warning" />
    <span>${[problem.message, ...(problem.errors ?? []).map(({ pointer, message }) => `${pointer.slice(1)}: ${message}`)].join(" ")}</span>
    ${retry && html`<button class="quiet" onClick=${retry}>Try again</button>`}
  </div>`;
}

export function Loading({ lines = 6 }) {
  return html`<div class="loading" role="status" aria-label="Loading">
    ${Array.from({ length: lines }, () => html`<i></i>`)}
  </div>`;
}

/** A button that is disabled until the promise of `onClick` is settled, and shows its error. */
export function Action({ onClick, children, ...rest }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onClick();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return html`<span class="action">
    <button type="button" onClick=${act} disabled=${isBusy} aria-busy=${isBusy} ...${rest}>
      ${children}
    </button>
    ${problem && html`<span class="wrong" role="alert">${problem.message}</span>`}
  </span>`;
}

/** A modal dialog: it keeps the focus, and Escape closes it. */
export function Dialog({ title, onClose, children, wide = false }) {
  const element = useRef(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby=${heading}
    onClose=${onClose} onCancel=${onClose}>
    <header>
      <h2 id=${heading}>${title}</h2>
      <button class="bare" type="button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    ${children}
  </dialog>`;
}

/** A button that copies a text and confirms it. */
export function Copy({ text, label }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<button class="bare small" type="button" onClick=${copy} title=${label}>
    <${Icon} name=${isDone ? "succeeded" : "copy"} />
    <span class="hidden" aria-live="polite">${isDone ? "Copied" : label}</span>
  </button>`;
}
