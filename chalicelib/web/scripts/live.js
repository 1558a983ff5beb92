// The live state of the page: the connection, and the parts that receive its updates.

import { query } from "./api.js";
import { LiveConnection } from "./socket.js";
import { Stats } from "./stats.js";
import { TaskList } from "./task-list.js";

export class Live {
  #listeners = new Set();
  #newest = null; // the greatest id of all received tasks
  #since = null; // #newest when the last complete sync began; updates after it may have arrived before older ones
  #next = null; // the value of #since after the current sync
  #wasLive = false;

  constructor(api, { withStats }) {
    this.api = api;
    this.list = new TaskList(api, {});
    this.stats = withStats ? new Stats(api) : null;
    this.connection = new LiveConnection(api, {
      onTasks: (tasks) => this.#receive(tasks),
      known: () => this.#known(),
    });
  }

  async start() {
    this.connection.watch(() => this.#connectionChanged());
    this.stats?.start();
    await this.#findNewest();
    this.connection.open();
  }

  stop() {
    this.stats?.stop();
    this.connection.close();
  }

  /** Shows the tasks that match other filters. */
  filter(filters) {
    this.list = new TaskList(this.api, filters);
    this.list.loadMore();
    return this.list;
  }

  /** Calls `listener` with all updates, until the returned function is called. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #receive(tasks) {
    for (const task of tasks) if (this.#newest === null || task.id > this.#newest) this.#newest = task.id;
    this.list.apply(tasks);
    this.stats?.apply(tasks);
    for (const listener of this.#listeners) listener(tasks);
  }

  /** After a complete sync: keeps the start of the next one, and repeats failed requests. */
  #connectionChanged() {
    const isLive = this.connection.state === "live";
    if (isLive && !this.#wasLive) {
      this.#since = this.#next;
      if (this.list.problem) this.list.loadMore();
      if (this.stats?.problem) this.stats.refresh();
    }
    this.#wasLive = isLive;
  }

  /** Reads the newest task, from which a sync starts: a filtered list may hold old tasks only. */
  async #findNewest() {
    try {
      const { tasks } = await this.api.get(`tasks${query({ limit: 1 })}`);
      this.#newest = this.#since = tasks[0]?.id ?? null;
    } catch {
      // The list shows the same problem.
    }
  }

  #known() {
    this.#next = this.#newest;
    // Without a known task there is no start for a sync, so the list is read again.
    if (this.#since === null) this.list.reload();
    return { versions: this.list.versions, since: this.#since };
  }
}
