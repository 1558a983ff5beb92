// The tasks of one filter, from pages of the API and updates of the connection, in their highest versions.

import { query } from "./api.js";
import { Observable } from "./observable.js";

const PAGE = 100;
/** The list keeps this number of newest tasks, so a page can stay open for days. */
const KEPT = 5000;

export class TaskList extends Observable {
  #api;
  #filters;
  #tasks = new Map();
  #cursor = null;

  /** `filters` are `{status, type, tag}`, each optional. */
  constructor(api, filters) {
    super();
    this.#api = api;
    this.#filters = filters;
    this.ids = []; // of the matching tasks, newest first
    this.isLoading = false;
    this.isComplete = false; // no older tasks are left to load
    this.problem = null;
    this.wasTrimmed = false;
  }

  get(id) {
    return this.#tasks.get(id);
  }

  /** Ids and versions of the tasks that may have changed during a lost connection: all but succeeded ones. */
  get versions() {
    const open = [...this.#tasks.values()].filter((task) => task.status !== "succeeded");
    return new Map(open.map((task) => [task.id, task.version]));
  }

  /** Loads pages until one has a new task; pages before the last one may be empty. */
  async loadMore() {
    if (this.isLoading || this.isComplete || this.wasTrimmed) return;
    this.isLoading = true;
    this.problem = null;
    this.changed();
    const before = this.#tasks.size;
    try {
      do {
        const page = await this.#api.get(`tasks${query({ ...this.#filters, limit: PAGE, cursor: this.#cursor })}`);
        this.#cursor = page.next_cursor;
        this.isComplete = page.next_cursor === null;
        this.apply(page.tasks);
      } while (!this.isComplete && this.#tasks.size === before);
    } catch (problem) {
      this.problem = problem;
    }
    this.isLoading = false;
    this.changed();
  }

  /** Loads the newest page again and keeps the known tasks. */
  reload() {
    this.#cursor = null;
    this.isComplete = false;
    this.wasTrimmed = false;
    return this.loadMore();
  }

  /** Adds versions of tasks, in any order and repeatedly. */
  apply(tasks) {
    for (const task of tasks) {
      const known = this.#tasks.get(task.id);
      if (known && known.version >= task.version) continue;
      const { payload, result, attempts, ...summary } = task;
      this.#tasks.set(task.id, summary);
      this.#place(summary);
    }
    if (this.ids.length > KEPT) this.#trim();
    this.changed();
  }

  /** Removes a deleted task. */
  remove(id) {
    this.#tasks.delete(id);
    this.ids = this.ids.filter((each) => each !== id);
    this.changed();
  }

  #place(task) {
    const index = this.#indexOf(task.id);
    const isListed = this.ids[index] === task.id;
    const isMatch = this.#matches(task);
    if (isMatch && !isListed) this.ids.splice(index, 0, task.id);
    if (!isMatch && isListed) this.ids.splice(index, 1);
  }

  #matches(task) {
    const { status, type, tag } = this.#filters;
    return (!status || task.status === status) && (!type || task.type === type) && (!tag || task.tags.includes(tag));
  }

  /** The index of an id in the sorted list. Ids begin with their creation time. */
  #indexOf(id) {
    let [low, high] = [0, this.ids.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ids[middle] > id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim() {
    this.ids.length = KEPT;
    this.wasTrimmed = true;
    const oldest = this.ids.at(-1);
    for (const id of this.#tasks.keys()) if (id < oldest) this.#tasks.delete(id);
  }
}
