// A long list that renders only its visible rows.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

const OVERSCAN = 6;
const NARROW = matchMedia("(max-width: 720px)");

/**
 * `row(id, index)` renders each of `ids`, at the height of the style sheet: `--row` or, on a phone, `--row-narrow`.
 * Rows that are inserted above do not move the visible ones. `onEnd` is called when the end is near.
 */
export function VirtualList({ ids, row, onEnd, label, header, empty, footer }) {
  const element = useRef(null);
  const [view, setView] = useState({ top: 0, height: 0 });
  const height = useRowHeight(element);

  const measure = () => {
    const { scrollTop, clientHeight } = element.current;
    setView((last) => (last.top === scrollTop && last.height === clientHeight ? last : { top: scrollTop, height: clientHeight }));
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(element.current);
    measure();
    return () => observer.disconnect();
  }, []);

  useAnchor(element, ids, height);
  const first = Math.max(0, Math.floor(view.top / height) - OVERSCAN);
  const last = Math.min(ids.length, Math.ceil((view.top + view.height) / height) + OVERSCAN);
  useEffect(() => {
    if (last >= ids.length - OVERSCAN) onEnd();
  }, [last, ids.length]);

  return html`<div class="rows" ref=${element} onScroll=${measure} onKeyDown=${(event) => walk(event, height)}
    role="list" aria-label=${label} tabindex="-1">
    ${header}
    ${ids.length === 0 ? empty : null}
    <div class="runway" style=${{ height: `${ids.length * height}px` }}>
      ${ids.slice(first, last).map((id, offset) => {
        const index = first + offset;
        return html`<div key=${id} class="row" role="listitem" aria-setsize=${ids.length} aria-posinset=${index + 1}
          style=${{ transform: `translateY(${index * height}px)` }}>${row(id, index)}</div>`;
      })}
    </div>
    ${footer}
  </div>`;
}

function useRowHeight(element) {
  const [height, setHeight] = useState(44);
  useLayoutEffect(() => {
    const measure = () => {
      const name = NARROW.matches ? "--row-narrow" : "--row";
      setHeight(parseFloat(getComputedStyle(element.current).getPropertyValue(name)));
    };
    measure();
    NARROW.addEventListener("change", measure);
    return () => NARROW.removeEventListener("change", measure);
  }, []);
  return height;
}

/** Keeps the position of the topmost row when rows are inserted above it, unless the list is at its top. */
function useAnchor(element, ids, height) {
  const anchor = useRef(null);
  useLayoutEffect(() => {
    const { scrollTop } = element.current;
    if (scrollTop > height && anchor.current) {
      const index = ids.indexOf(anchor.current.id);
      const moved = index === -1 ? 0 : index - anchor.current.index;
      if (moved) element.current.scrollTop = scrollTop + moved * height;
    }
  }, [ids.length, ids[0]]);
  useLayoutEffect(() => {
    const index = Math.floor(element.current.scrollTop / height);
    anchor.current = ids[index] ? { id: ids[index], index } : null;
  });
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** Moves the focus between rows by the arrow keys. */
function walk(event, height) {
  const step = STEPS[event.key];
  if (!step || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  const list = event.currentTarget;
  const links = [...list.querySelectorAll(".row a")];
  const at = links.findIndex((link) => link === document.activeElement);
  if (!Number.isFinite(step)) {
    list.scrollTop = step < 0 ? 0 : list.scrollHeight;
    requestAnimationFrame(() => [...list.querySelectorAll(".row a")].at(step < 0 ? 0 : -1)?.focus());
    return;
  }
  const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}
