// Everything that is alive on the page, in one place: the connection, and who hears what it brings.

import { query } from "./api.js";
import { LiveConnection } from "./socket.js";
import { Stats } from "./stats.js";
import { TaskList } from "./task-list.js";

export class Live {
  #listeners = new Set();
  #newest = null; // of all tasks that were heard of
  #since = null; // the newest when the last complete sync began: what was heard later may have come before an older one
  #next = null; // what #since will be when the sync at hand is complete
  #wasLive = false;

  constructor(api, { withStats }) {
    this.api = api;
    this.list = new TaskList(api, {});
    this.stats = withStats ? new Stats(api) : null;
    this.connection = new LiveConnection(api, {
      onTasks: (tasks) => this.#heard(tasks),
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

  /** Shows other tasks from now on. */
  filter(filters) {
    this.list = new TaskList(this.api, filters);
    this.list.loadMore();
    return this.list;
  }

  /** Hears of every update, until the returned function is called. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #heard(tasks) {
    for (const task of tasks) if (this.#newest === null || task.id > this.#newest) this.#newest = task.id;
    this.list.apply(tasks);
    this.stats?.apply(tasks);
    for (const listener of this.#listeners) listener(tasks);
  }

  /** A sync is complete: notes where the next one begins, and asks again for what could not be had. */
  #connectionChanged() {
    const isLive = this.connection.state === "live";
    if (isLive && !this.#wasLive) {
      this.#since = this.#next;
      if (this.list.problem) this.list.loadMore();
      if (this.stats?.problem) this.stats.refresh();
    }
    this.#wasLive = isLive;
  }

  /** What a sync begins from: a filtered list may know old tasks only, so the newest of all is asked for. */
  async #findNewest() {
    try {
      const { tasks } = await this.api.get(`tasks${query({ limit: 1 })}`);
      this.#newest = this.#since = tasks[0]?.id ?? null;
    } catch {
      // The list tells the same problem.
    }
  }

  #known() {
    this.#next = this.#newest;
    // Before there was any task, whatever there is now is new: the list begins again.
    if (this.#since === null) this.list.reload();
    return { versions: this.list.versions, since: this.#since };
  }
}
