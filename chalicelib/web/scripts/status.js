// The statuses of a task, and the durations that its fields imply.

export const STATUSES = [
  "scheduled", "queued", "running", "retrying", "succeeded", "failed", "canceled", "expired",
];
const FINAL = new Set(["succeeded", "failed", "canceled", "expired"]);

export const isFinal = (task) => FINAL.has(task.status);
export const canCancel = (task) => !isFinal(task) && !task.cancel_requested;
export const canRetry = (task) => isFinal(task) && task.status !== "succeeded";

/** Milliseconds between the earliest start of the task and the start of its last attempt; null while it waits. */
export function waitTime(task) {
  if (!task.started_at || task.status === "retrying") return null; // run_at is the time of the next attempt
  return Math.max(0, Date.parse(task.started_at) - Date.parse(task.run_at ?? task.queued_at ?? task.created_at));
}

/** Milliseconds of the last attempt, until `now` if it is running; null without an attempt. */
export function runTime(task, now) {
  if (!task.started_at) return null;
  const started = Date.parse(task.started_at);
  if (task.status === "running") return Math.max(0, now - started);
  const ended = task.finished_at ?? task.updated_at;
  return task.status === "succeeded" || task.status === "failed" ? Date.parse(ended) - started : null;
}
