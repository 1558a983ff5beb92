// State that components watch. Many changes within one frame cause one rendering.

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

  /** Says that something changed. A hidden tab has no frames: it draws when it is looked at again. */
  changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const watcher of [...this.#watchers]) watcher();
    });
  }
}

/** Draws the calling component anew whenever `observable` changes, and returns it. */
export function useObservable(observable) {
  const [, draw] = useState(0);
  useEffect(() => observable.watch(() => draw((count) => count + 1)), [observable]);
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

/** The time in milliseconds, by the service's clock; the calling component is drawn anew each second. */
export function useNow() {
  return useObservable(clock).now;
}
