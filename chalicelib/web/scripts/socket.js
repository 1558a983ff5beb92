// The live connection: opened with a ticket, watched, opened again, and synced so that nothing is missed.

import { Observable } from "./observable.js";
import { now } from "./server-clock.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_EVERY_MS = 45_000;
const PONG_WITHIN_MS = 10_000;
/** The service compares at most so many tasks in one sync. */
const SYNC_LIMIT = 100;

/**
 * `state` is `connecting`, `syncing`, `live`, `waiting` (until `retryAt`) or `closed`.
 * `onTasks` gets every task that arrives; `known` is asked for `{versions: Map, since}` after a (re)connect.
 */
export class LiveConnection extends Observable {
  #api;
  #onTasks;
  #known;
  #socket = null;
  #failures = 0;
  #timers = [];
  #syncs = [];

  constructor(api, { onTasks, known }) {
    super();
    this.#api = api;
    this.#onTasks = onTasks;
    this.#known = known;
    this.state = "closed";
    this.retryAt = null;
  }

  open() {
    addEventListener("online", this.#hurry);
    addEventListener("offline", this.#lost);
    document.addEventListener("visibilitychange", this.#hurry);
    this.#connect();
  }

  close() {
    removeEventListener("online", this.#hurry);
    removeEventListener("offline", this.#lost);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.#drop();
    this.#enter("closed");
  }

  /** Back online, or looked at again: no reason to wait any longer. */
  #hurry = () => {
    if (this.state === "waiting" && document.visibilityState === "visible") this.#connect();
  };

  /** A browser without a network is slow to notice that a connection is dead. */
  #lost = () => {
    if (this.state !== "closed") this.#retry();
  };

  async #connect() {
    this.#drop();
    this.#enter("connecting");
    try {
      const { url } = await this.#api.post("tickets", { watch: "all" });
      if (this.state !== "connecting") return;
      const socket = new WebSocket(`${url}&batch=1`);
      this.#socket = socket;
      socket.onopen = () => this.#opened();
      socket.onmessage = (message) => this.#received(JSON.parse(message.data));
      socket.onclose = () => socket === this.#socket && this.#retry();
    } catch (error) {
      if (error.status !== 401) this.#retry(error.retryAfter);
    }
  }

  #opened() {
    this.#ask();
    const { versions, since } = this.#known();
    const entries = [...versions];
    do {
      this.#syncs.push({ tasks: Object.fromEntries(entries.splice(0, SYNC_LIMIT)) });
    } while (entries.length);
    if (since) this.#syncs[0].since = since;
    this.#enter("syncing");
    this.#sync();
  }

  #sync() {
    const next = this.#syncs.shift();
    if (next) this.#send({ action: "sync", ...next });
    else {
      this.#failures = 0; // not before: a service that refuses every sync is not to be asked at once again
      this.#enter("live");
    }
  }

  #received(frame) {
    this.#heard();
    if (frame.type === "task") this.#onTasks([frame.task]);
    else if (frame.type === "tasks") this.#onTasks(frame.tasks);
    else if (frame.type === "synced") {
      if (frame.more) this.#syncs.unshift({ tasks: {}, since: frame.since });
      this.#sync();
    } else if (frame.type === "error") {
      console.error("The service refused a message:", frame.code, frame.detail);
      this.#socket.close();
    }
  }

  /** Ask now and then whether the other side is there: a dead connection says nothing by itself. */
  #ask() {
    this.#after(PING_EVERY_MS, () => {
      this.#send({ action: "ping" });
      this.#after(PONG_WITHIN_MS, () => this.#retry());
    });
  }

  #heard() {
    this.#clearTimers();
    this.#ask();
  }

  #retry(seconds = null) {
    this.#drop();
    const wait = seconds ? seconds * 1000 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    const jittered = wait * (0.5 + Math.random() / 2);
    this.retryAt = now() + jittered;
    this.#enter("waiting");
    this.#after(jittered, () => this.#connect());
  }

  #drop() {
    this.#clearTimers();
    this.#syncs = [];
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #after(milliseconds, action) {
    this.#timers.push(setTimeout(action, milliseconds));
  }

  #clearTimers() {
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
  }

  #enter(state) {
    this.state = state;
    this.changed();
  }
}
