// The tasks of one filter: pages from the API and updates from the connection, the highest version of each.

import { query } from "./api.js";
import { Observable } from "./observable.js";

const PAGE = 100;
/** Older tasks than the newest so many are let go, so that a page can stay open for days. */
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
    this.ids = []; // of the tasks that match, newest first
    this.isLoading = false;
    this.isComplete = false; // nothing older is left to load
    this.problem = null;
    this.wasTrimmed = false;
  }

  get(id) {
    return this.#tasks.get(id);
  }

  /** What may have changed while nobody listened: id and version. A task that succeeded is final. */
  get versions() {
    const open = [...this.#tasks.values()].filter((task) => task.status !== "succeeded");
    return new Map(open.map((task) => [task.id, task.version]));
  }

  /** Loads the next page; pages may be empty before the end, so it goes on until there is something new. */
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

  /** Loads the newest page again, keeping what is known. */
  reload() {
    this.#cursor = null;
    this.isComplete = false;
    this.wasTrimmed = false;
    return this.loadMore();
  }

  /** Takes tasks as they are now, in any order and as often as they come. */
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

  /** Forgets a task that is gone. */
  remove(id) {
    this.#tasks.delete(id);
    this.ids = this.ids.filter((each) => each !== id);
    this.changed();
  }

  #place(task) {
    const index = this.#indexOf(task.id);
    const isListed = this.ids[index] === task.id;
    const isWanted = this.#matches(task);
    if (isWanted && !isListed) this.ids.splice(index, 0, task.id);
    if (!isWanted && isListed) this.ids.splice(index, 1);
  }

  #matches(task) {
    const { status, type, tag } = this.#filters;
    return (!status || task.status === status) && (!type || task.type === type) && (!tag || task.tags.includes(tag));
  }

  /** Where an id is, or belongs: ids begin with the time of their creation. */
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
