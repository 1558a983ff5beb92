// State that components watch. All changes within one frame cause one rendering.

import { useEffect, useState } from "./html.js";
import { now } from "./server-clock.js";

export class Observable {
  #watchers = new Set();
  #frame = 0;

  /** Calls `watcher` once for each frame in which something changed, until the returned function is called. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Notifies the watchers in the next frame. A hidden tab has no frames, and renders when it is visible. */
  changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const watcher of [...this.#watchers]) watcher();
    });
  }
}

/** Renders the calling component again when `observable` changes, and returns `observable`. */
export function useObservable(observable) {
  const [, render] = useState(0);
  useEffect(() => observable.watch(() => render((count) => count + 1)), [observable]);
  return observable;
}

class Clock extends Observable {
  constructor() {
    super();
    this.now = now();
    setInterval(() => {
      this.now = now();
      this.changed();
    }, 1000);
  }
}

const clock = new Clock();

/** The time of the service's clock in milliseconds; the calling component is rendered each second. */
export function useNow() {
  return useObservable(clock).now;
}
