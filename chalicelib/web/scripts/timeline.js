// The history of a task: its attempts with their outcomes, and the waits between them, to scale.

import { html } from "./html.js";
import { dateAndTime, duration, timeOfDay } from "./format.js";
import { Icon } from "./icons.js";
import { useNow } from "./observable.js";
import { isFinal } from "./status.js";

const ICONS = { succeeded: "succeeded", failed: "failed", canceled: "canceled", running: "running", snoozed: "scheduled" };

export function Timeline({ task }) {
  const now = useNow();
  const end = isFinal(task) ? Date.parse(task.finished_at) : now;
  return html`<div class="timeline">
    <${Scale} task=${task} end=${end} />
    <ol>
      <${Event} icon="add" at=${task.created_at} title="Created" />
      ${task.attempts.map((attempt) => html`<${Attempt} key=${attempt.lease} attempt=${attempt} now=${now} />`)}
      ${task.status === "canceled" && html`<${Event} icon="canceled" kind="canceled" at=${task.finished_at} title="Canceled" />`}
      ${task.status === "expired" && html`<${Event} icon="expired" kind="expired" at=${task.finished_at} title="Expired before it could start" />`}
      ${task.dead_lettered_at && html`<${Event} icon="inbox" at=${task.dead_lettered_at} title="Dead letter sent" />`}
    </ol>
  </div>`;
}

function Event({ icon, kind = "", at, title, children }) {
  return html`<li class=${kind}>
    <span class="dot"><${Icon} name=${icon} /></span>
    <div><b>${title}</b> <time datetime=${at} title=${dateAndTime(at)}>${timeOfDay(at)}</time>${children}</div>
  </li>`;
}

function Attempt({ attempt, now }) {
  const took = (attempt.finished_at ? Date.parse(attempt.finished_at) : now) - Date.parse(attempt.started_at);
  const outcome = attempt.outcome === "running" ? "runs for" : `${attempt.outcome} after`;
  const known = ICONS[attempt.outcome] ?? "failed";
  return html`<${Event} icon=${known} kind=${known} at=${attempt.started_at} title="Attempt ${attempt.number} ${outcome} ${duration(took)}">
    ${attempt.error && html`<p class="error"><b>${attempt.error.type ?? attempt.error.kind}</b> ${attempt.error.message}</p>`}
    ${attempt.next_wait_seconds !== null && html`<p class="muted">next after ${duration(attempt.next_wait_seconds * 1000)}</p>`}
  </${Event}>`;
}

/** A line of waits and attempts with proportional lengths. */
function Scale({ task, end }) {
  const parts = [];
  let at = Date.parse(task.attempts[0] && task.redrive_count ? task.attempts[0].started_at : task.created_at);
  for (const attempt of task.attempts) {
    const [started, finished] = [Date.parse(attempt.started_at), attempt.finished_at ? Date.parse(attempt.finished_at) : end];
    parts.push({ kind: "waited", long: started - at }, { kind: ICONS[attempt.outcome] ?? "failed", long: finished - started });
    at = finished;
  }
  if (end - at > 0) parts.push({ kind: "waited", long: end - at });
  const shown = parts.filter((part) => part.long > 0);
  if (!shown.length) return null;
  const label = shown.map((part) => `${part.kind} ${duration(part.long)}`).join(", ");
  return html`<div class="scale-line" role="img" aria-label=${label} title=${label}>
    ${shown.map((part) => html`<i class=${part.kind} style=${{ flexGrow: part.long }}></i>`)}
  </div>`;
}
