// What is shown is in the address: views, filters and the open task survive a reload and can be sent around.

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

  /** Goes to a place; what is undefined there is left out. `replace` leaves no step back. */
  go(place, { replace = false } = {}) {
    const address = this.address(place);
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.changed();
  }

  address(place) {
    const given = Object.entries(place).filter(([, value]) => value !== undefined && value !== "");
    return given.length ? `?${new URLSearchParams(given)}` : location.pathname;
  }
}

export const router = new Router();

/** A link within the page; the middle button and the keyboard work as on any link. */
export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    router.go(to);
  };
  return html`<a href=${router.address(to)} onClick=${follow} ...${rest}>${children}</a>`;
}
