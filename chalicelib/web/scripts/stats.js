// Counts of tasks per minute: the rollups of the service, and the updates that this page received since.

import { query } from "./api.js";
import { Observable } from "./observable.js";
import { isFinal, runTime, waitTime } from "./status.js";

const MINUTE_MS = 60_000;
const REFRESH_MS = 30_000;
/** The number of finished tasks that are kept, so that none is counted twice. */
const REMEMBERED = 20_000;
export const OUTCOMES = ["succeeded", "failed", "canceled", "expired"];

/** The last `minutes`, in at most 60 bars, oldest first. */
export class Stats extends Observable {
  #api;
  #stored = new Map(); // minute → counts of the service
  #seen = new Map(); // minute → counts of the received updates
  #ended = new Map(); // id → the redrive count of the counted end
  #timer = null;

  constructor(api) {
    super();
    this.#api = api;
    this.minutes = 60;
    this.queues = null;
    this.problem = null;
    this.isLoaded = false;
  }

  /** Dead letters of the stage that wait in the queue and are not recorded yet. */
  get pendingDeadLetters() {
    return Object.values(this.queues?.["dead-letters"] ?? {}).reduce((sum, depth) => sum + depth, 0);
  }

  start() {
    this.refresh();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.refresh(), REFRESH_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  show(minutes) {
    this.minutes = minutes;
    this.refresh();
  }

  async refresh() {
    const { minutes } = this;
    try {
      const answer = await this.#api.get(`stats${query({ minutes })}`);
      if (minutes !== this.minutes) return;
      this.#stored = new Map(answer.minutes.map((each) => [minuteOf(each.minute), each]));
      this.queues = answer.queues;
      this.problem = null;
      this.isLoaded = true;
    } catch (problem) {
      this.problem = problem;
    }
    this.changed();
  }

  /** Counts the finished tasks among updates. */
  apply(tasks) {
    for (const task of tasks) {
      if (!isFinal(task) || this.#ended.get(task.id) === task.redrive_count) continue;
      this.#ended.set(task.id, task.redrive_count);
      const minute = this.#minute(minuteOf(task.finished_at));
      minute[task.status] += 1;
      if (task.started_at) {
        minute.started += 1;
        minute.wait += waitTime(task);
        minute.run += runTime(task, 0) ?? 0;
      }
    }
    for (const id of this.#ended.keys()) {
      if (this.#ended.size <= REMEMBERED) break;
      this.#ended.delete(id);
    }
    this.changed();
  }

  #minute(minute) {
    const empty = { succeeded: 0, failed: 0, canceled: 0, expired: 0, started: 0, wait: 0, run: 0 };
    if (!this.#seen.has(minute)) this.#seen.set(minute, empty);
    return this.#seen.get(minute);
  }

  /** The bars of the chart: `{start, succeeded, failed, canceled, expired, wait, run}`; times are means or null. */
  bars(now) {
    const width = Math.ceil(this.minutes / 60);
    const last = Math.floor(now / MINUTE_MS);
    const first = last - this.minutes + 1;
    return Array.from({ length: Math.ceil(this.minutes / width) }, (_, index) => {
      const minutes = Array.from({ length: width }, (_, offset) => first + index * width + offset);
      return { start: (first + index * width) * MINUTE_MS, ...added(minutes.map((each) => this.#best(each))) };
    });
  }

  /** Neither source counts too many and both may be late, so the greater count is more accurate. */
  #best(minute) {
    const stored = this.#stored.get(minute * MINUTE_MS);
    const seen = this.#seen.get(minute * MINUTE_MS);
    const counts = OUTCOMES.map((name) => [name, Math.max(stored?.[name] ?? 0, seen?.[name] ?? 0)]);
    const mean = (total) => (seen?.started ? total / seen.started : null);
    return {
      ...Object.fromEntries(counts),
      wait: stored?.mean_wait_ms ?? mean(seen?.wait),
      run: stored?.mean_run_ms ?? mean(seen?.run),
    };
  }
}

function added(minutes) {
  const total = (name) => minutes.reduce((sum, each) => sum + each[name], 0);
  const mean = (name) => {
    const values = minutes.map((each) => each[name]).filter((value) => value !== null);
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  };
  return { ...Object.fromEntries(OUTCOMES.map((name) => [name, total(name)])), wait: mean("wait"), run: mean("run") };
}

function minuteOf(text) {
  return Math.floor(Date.parse(text) / MINUTE_MS) * MINUTE_MS;
}
