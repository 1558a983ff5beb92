// The address holds the view, the filters and the open task, so they survive a reload and can be shared.

import { html } from "./html.js";
import { Observable } from "./observable.js";

class Router extends Observable {
  constructor() {
    super();
    addEventListener("popstate", () => this.changed());
  }

  /** The query as an object: `{view, status, type, tag, task, …}`. */
  get place() {
    return Object.fromEntries(new URLSearchParams(location.search));
  }

  /** Opens a place; undefined values are left out. `replace` adds no entry to the history. */
  go(place, { replace = false } = {}) {
    const address = this.address(place);
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.changed();
  }

  address(place) {
    const set = Object.entries(place).filter(([, value]) => value !== undefined && value !== "");
    return set.length ? `?${new URLSearchParams(set)}` : location.pathname;
  }
}

export const router = new Router();

/** A link within the page. The middle button and the keyboard work as on other links. */
export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    router.go(to);
  };
  return html`<a href=${router.address(to)} onClick=${follow} ...${rest}>${children}</a>`;
}
