// The live connection: opened with a ticket, monitored, reopened, and synced so that no update is missed.

import { Observable } from "./observable.js";
import { now } from "./server-clock.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_EVERY_MS = 45_000;
const PONG_WITHIN_MS = 10_000;
/** The service compares at most this number of tasks in one sync. */
const SYNC_LIMIT = 100;

/**
 * `state` is `connecting`, `syncing`, `live`, `waiting` (until `retryAt`) or `closed`.
 * `onTasks` is called with the tasks of each frame. `known` returns `{versions: Map, since}` for a sync.
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
    addEventListener("online", this.#reconnectNow);
    addEventListener("offline", this.#lost);
    document.addEventListener("visibilitychange", this.#reconnectNow);
    this.#connect();
  }

  close() {
    removeEventListener("online", this.#reconnectNow);
    removeEventListener("offline", this.#lost);
    document.removeEventListener("visibilitychange", this.#reconnectNow);
    this.#drop();
    this.#enter("closed");
  }

  /** Reconnects at once when the browser is online again or the tab is visible again. */
  #reconnectNow = () => {
    if (this.state === "waiting" && document.visibilityState === "visible") this.#connect();
  };

  /** Without a network, a browser takes long to close a dead connection. */
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
    this.#schedulePing();
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
      this.#failures = 0; // only now: after a refused sync, the next wait must be longer
      this.#enter("live");
    }
  }

  #received(frame) {
    this.#resetPing();
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

  /** Pings the service at intervals, because a dead connection raises no event. */
  #schedulePing() {
    this.#after(PING_EVERY_MS, () => {
      this.#send({ action: "ping" });
      this.#after(PONG_WITHIN_MS, () => this.#retry());
    });
  }

  #resetPing() {
    this.#clearTimers();
    this.#schedulePing();
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
