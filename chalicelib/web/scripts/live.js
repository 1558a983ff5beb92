// Everything that is alive on the page, in one place: the connection, and who hears what it brings.

import { query } from "./api.js";
import { LiveConnection } from "./socket.js";
import { Stats } from "./stats.js";
import { TaskList } from "./task-list.js";

export class Live {
  #listeners = new Set();
  #newest = null;
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
    this.connection.watch(() => this.#retry());
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

  /** Asks again for what could not be had, once the service is back. */
  #retry() {
    const isLive = this.connection.state === "live";
    if (isLive && !this.#wasLive) {
      if (this.list.problem) this.list.loadMore();
      if (this.stats?.problem) this.stats.refresh();
    }
    this.#wasLive = isLive;
  }

  /** What a sync begins from: a filtered list may know old tasks only, so the newest of all is asked for. */
  async #findNewest() {
    try {
      const { tasks } = await this.api.get(`tasks${query({ limit: 1 })}`);
      this.#newest = tasks[0]?.id ?? null;
    } catch {
      this.#newest = null; // the list tells the same problem
    }
  }

  #known() {
    const newest = this.list.ids[0] ?? null;
    // Before there was any task, whatever there is now is new: the list begins again.
    if (this.#newest === null && newest === null) this.list.reload();
    return { versions: this.list.versions, since: [this.#newest, newest].filter(Boolean).sort().at(-1) ?? null };
  }
}
