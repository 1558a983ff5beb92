// One task: what it is, what happened to it, and what can be done.

import { html, useEffect, useState } from "./html.js";
import { Problem } from "./api.js";
import { dateAndTime, duration, inLocalTime } from "./format.js";
import { Icon } from "./icons.js";
import { Json } from "./json-tree.js";
import { useNow, useObservable } from "./observable.js";
import { Action, Blank, Copy, Loading, Moment, Progress, Status, Trouble } from "./parts.js";
import { canCancel, canRetry, isFinal } from "./status.js";
import { Timeline } from "./timeline.js";

const IDS = /^[0-9a-f-]{36}$/;

export function Detail({ api, live, id, session, onClose }) {
  const { task, problem, reload, take } = useTask(api, live, id);
  const isGone = problem?.status === 404;
  useEffect(() => {
    const leave = (event) => event.key === "Escape" && !document.querySelector("dialog[open]") && onClose();
    addEventListener("keydown", leave);
    return () => removeEventListener("keydown", leave);
  }, [onClose]);
  return html`<aside class="detail" aria-label="Task">
    <header>
      <button class="plain" type="button" aria-label="Close the task" onClick=${onClose}>
        <span class="narrow"><${Icon} name="back" /></span><span class="broad"><${Icon} name="close" /></span>
      </button>
      ${task && html`<h2>${task.type}</h2><${Status} of=${task.status} />`}
    </header>
    ${isGone ? html`<${Blank} icon="failed" title="No such task">It was deleted, or its retention is over.</${Blank}>`
      : html`<${Trouble} problem=${problem} retry=${reload} />`}
    ${!task && !problem && html`<${Loading} />`}
    ${task && !isGone && html`<${Body} ...${{ api, live, task, session, take, reload, onClose }} />`}
  </aside>`;
}

/** The task, kept up to date by the connection; `take` shows a newer version that an action answered. */
function useTask(api, live, id) {
  const [task, setTask] = useState(null);
  const [problem, setProblem] = useState(null);
  const take = (update) => setTask((known) =>
    known?.id === update.id && known.version >= update.version ? known : { audit: known?.audit, ...update });
  const reload = async () => {
    setProblem(null);
    try {
      if (!IDS.test(id)) throw new Problem({ status: 404 }); // an address may hold anything
      take(await api.get(`tasks/${id}`));
    } catch (error) {
      if (error.status === 404) live.list.remove(id);
      setProblem(error);
    }
  };
  // A task that is too big for a frame comes without its payload and result.
  useEffect(() =>
    live.listen((tasks) => tasks.filter((each) => each.id === id).forEach((each) => (each.truncated ? reload() : take(each)))), [id]);
  // The connection syncs the list; a task that is not in it may have changed as well while nobody listened.
  const isLive = useObservable(live.connection).state === "live";
  useEffect(() => {
    if (isLive || !task) reload();
  }, [id, isLive]);
  return { task: task?.id === id ? task : null, problem, reload, take };
}

function Body({ api, live, task, session, take, reload, onClose }) {
  return html`<div class="body">
    ${session.mayWrite && html`<${Actions} ...${{ api, live, task, take, reload, onClose }} />`}
    ${!isFinal(task) && html`<${Explanation} api=${api} task=${task} />`}
    ${task.status === "running" && html`<div class="progress">
      <${Progress} of=${task.progress} /><span>${Math.round(task.progress?.percent ?? 0)} %</span><small>${task.progress?.message}</small>
    </div>`}
    ${task.error && html`<div class="failure">
      <b>${task.error.type ?? task.error.kind}</b><span class="tag">${task.error.kind}</span><p>${task.error.message}</p>
    </div>`}
    <${Facts} task=${task} />
    <h3>Timeline</h3>
    <${Timeline} task=${task} />
    ${task.status === "succeeded" && html`<h3>Result</h3><${Json} value=${task.result} label="result" />`}
    <h3>Payload</h3>
    <${Json} value=${task.payload} label="payload" />
  </div>`;
}

function Actions({ api, live, task, take, reload, onClose }) {
  // Somebody may have deleted it meanwhile, which nothing tells: reading it does.
  const orGone = (act) => act().catch((error) => (error.status === 404 ? reload() : Promise.reject(error)));
  const change = (verb) => orGone(async () => {
    const changed = await api.post(`tasks/${task.id}/${verb}`);
    take(changed);
    live.list.apply([changed]);
  });
  const remove = () => orGone(async () => {
    await api.delete(`tasks/${task.id}`);
    live.list.remove(task.id);
    onClose();
  });
  return html`<div class="actions">
    ${canRetry(task) && html`<${Action} class="primary" onClick=${() => change("retry")}>Retry</${Action}>`}
    ${canCancel(task) && html`<${Action} onClick=${() => change("cancel")}>Cancel</${Action}>`}
    ${task.cancel_requested && !isFinal(task) && html`<span class="muted">Asked to stop: it ends at its next progress.</span>`}
    ${isFinal(task) && html`<${Action} class="danger" onClick=${remove}>Delete</${Action}>`}
  </div>`;
}

/** Why the task does not run yet, and what happens next, in the service's words. */
function Explanation({ api, task }) {
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    let isCurrent = true;
    const ask = async () => {
      try {
        const found = await api.get(`tasks/${task.id}/explain`);
        if (isCurrent) setAnswer(found);
      } catch (problem) {
        if (isCurrent) setAnswer(problem.isMissingRoute ? null : { detail: problem.message });
      }
    };
    const soon = setTimeout(ask, 250); // a task that is moving needs no words
    const again = setInterval(ask, 5000);
    return () => {
      isCurrent = false;
      clearTimeout(soon);
      clearInterval(again);
    };
  }, [task.id, task.status]);
  if (!answer || task.status === "running") return null;
  return html`<div class="explanation" role="status">
    <${Icon} name=${answer.reason === "type_paused" ? "paused" : task.status} />
    <p>${inLocalTime(answer.detail)}
      ${answer.ahead && html` <span>Behind about ${answer.ahead.count} others.</span>`}
      ${answer.next && html` <span class="muted">${inLocalTime(answer.next)}</span>`}
    </p>
  </div>`;
}

function Facts({ task }) {
  const now = useNow();
  const fact = (name, value) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const moment = (at) => at && html`<${Moment} at=${at} /><small>${dateAndTime(at)}</small>`;
  return html`<dl class="facts">
    ${fact("id", html`<code>${task.id}</code><${Copy} text=${() => task.id} label="Copy the id" />`)}
    ${fact("attempt", `${task.attempt} of ${task.max_attempts}${task.redrive_count ? `, retried by hand ${task.redrive_count} ×` : ""}`)}
    ${fact("tags", task.tags.length > 0 && task.tags.map((tag) => html`<span class="tag">${tag}</span>`))}
    ${fact("created", moment(task.created_at))}
    ${!isFinal(task) && task.status !== "running" && fact("starts", moment(task.run_at))}
    ${fact("expires", !isFinal(task) && moment(task.expires_at))}
    ${task.lease_until && fact("lease", `until ${dateAndTime(task.lease_until)} (${duration(Date.parse(task.lease_until) - now)})`)}
    ${fact("finished", moment(task.finished_at))}
    ${fact("silence allowed", `${task.timeout_seconds} s`)}
    ${fact("dead letter", moment(task.dead_lettered_at))}
    ${task.audit && fact("created by", task.audit.created_by)}
    ${task.audit && fact("canceled by", task.audit.canceled_by)}
    ${task.audit && fact("retried by", task.audit.retried_by)}
  </dl>`;
}
