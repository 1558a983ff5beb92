// One task: its fields, its history and its actions.

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
  const { task, problem, reload, update } = useTask(api, live, id);
  const isGone = problem?.status === 404;
  useEffect(() => {
    const leave = (event) => event.key === "Escape" && !document.querySelector("dialog[open]") && onClose();
    addEventListener("keydown", leave);
    return () => removeEventListener("keydown", leave);
  }, [onClose]);
  return html`<aside class="detail" aria-label="Task">
    <header>
      <button class="bare" type="button" aria-label="Close the task" onClick=${onClose}>
        <span class="narrow"><${Icon} name="back" /></span><span class="broad"><${Icon} name="close" /></span>
      </button>
      ${task && html`<h2>${task.type}</h2><${Status} of=${task.status} />`}
    </header>
    ${isGone ? html`<${Blank} icon="failed" title="No such task">It was deleted, or its retention time is over.</${Blank}>`
      : html`<${Trouble} problem=${problem} retry=${reload} />`}
    ${!task && !problem && html`<${Loading} />`}
    ${task && !isGone && html`<${Body} ...${{ api, live, task, session, update, reload, onClose }} />`}
  </aside>`;
}

/** The task, updated by the connection; `update` shows a newer version that an action returned. */
function useTask(api, live, id) {
  const [task, setTask] = useState(null);
  const [problem, setProblem] = useState(null);
  const update = (newer) => setTask((known) =>
    known?.id === newer.id && known.version >= newer.version ? known : { audit: known?.audit, ...newer });
  const reload = async () => {
    setProblem(null);
    try {
      if (!IDS.test(id)) throw new Problem({ status: 404 }); // the address may contain any text
      update(await api.get(`tasks/${id}`));
    } catch (error) {
      if (error.status === 404) live.list.remove(id);
      setProblem(error);
    }
  };
  // A task that is too large for a frame arrives without its payload and result.
  useEffect(() =>
    live.listen((tasks) => tasks.filter((each) => each.id === id).forEach((each) => (each.truncated ? reload() : update(each)))), [id]);
  // The connection syncs the list only. This task may not be in it, so it is read again after a reconnect.
  const isLive = useObservable(live.connection).state === "live";
  useEffect(() => {
    if (isLive || !task) reload();
  }, [id, isLive]);
  return { task: task?.id === id ? task : null, problem, reload, update };
}

function Body({ api, live, task, session, update, reload, onClose }) {
  return html`<div class="body">
    ${session.mayWrite && html`<${Actions} ...${{ api, live, task, update, reload, onClose }} />`}
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

function Actions({ api, live, task, update, reload, onClose }) {
  // No update announces that another user deleted the task, so a 404 reads it again.
  const orReload = (act) => act().catch((error) => (error.status === 404 ? reload() : Promise.reject(error)));
  const change = (verb) => orReload(async () => {
    const changed = await api.post(`tasks/${task.id}/${verb}`);
    update(changed);
    live.list.apply([changed]);
  });
  const remove = () => orReload(async () => {
    await api.delete(`tasks/${task.id}`);
    live.list.remove(task.id);
    onClose();
  });
  return html`<div class="actions">
    ${canRetry(task) && html`<${Action} class="primary" onClick=${() => change("retry")}>Retry</${Action}>`}
    ${canCancel(task) && html`<${Action} onClick=${() => change("cancel")}>Cancel</${Action}>`}
    ${task.cancel_requested && !isFinal(task) && html`<span class="muted">Cancel requested: the task stops at its next progress report.</span>`}
    ${isFinal(task) && html`<${Action} class="danger" onClick=${remove}>Delete</${Action}>`}
  </div>`;
}

/** The service's explanation of why the task does not run yet, and what happens next. */
function Explanation({ api, task }) {
  const [explanation, setExplanation] = useState(null);
  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      try {
        const loaded = await api.get(`tasks/${task.id}/explain`);
        if (isCurrent) setExplanation(loaded);
      } catch (problem) {
        if (isCurrent) setExplanation(problem.isMissingRoute ? null : { detail: problem.message });
      }
    };
    const soon = setTimeout(load, 250); // a task that starts at once needs no explanation
    const again = setInterval(load, 5000);
    return () => {
      isCurrent = false;
      clearTimeout(soon);
      clearInterval(again);
    };
  }, [task.id, task.status]);
  if (!explanation || task.status === "running") return null;
  return html`<div class="explanation" role="status">
    <${Icon} name=${explanation.reason === "type_paused" ? "paused" : task.status} />
    <p>${inLocalTime(explanation.detail)}
      ${explanation.ahead && html` <span>Behind about ${explanation.ahead.count} others.</span>`}
      ${explanation.next && html` <span class="muted">${inLocalTime(explanation.next)}</span>`}
    </p>
  </div>`;
}

function Facts({ task }) {
  const now = useNow();
  const fact = (name, value) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const moment = (at) => at && html`<${Moment} at=${at} /><small>${dateAndTime(at)}</small>`;
  return html`<dl class="facts">
    ${fact("id", html`<code>${task.id}</code><${Copy} text=${() => task.id} label="Copy the id" />`)}
    ${fact("attempt", `${task.attempt} of ${task.max_attempts}${task.redrive_count ? `, retried manually ${task.redrive_count} ×` : ""}`)}
    ${fact("tags", task.tags.length > 0 && task.tags.map((tag) => html`<span class="tag">${tag}</span>`))}
    ${fact("created", moment(task.created_at))}
    ${!isFinal(task) && task.status !== "running" && fact("starts", moment(task.run_at))}
    ${fact("expires", !isFinal(task) && moment(task.expires_at))}
    ${task.lease_until && fact("lease", `until ${dateAndTime(task.lease_until)} (${duration(Date.parse(task.lease_until) - now)})`)}
    ${fact("finished", moment(task.finished_at))}
    ${fact("progress timeout", `${task.timeout_seconds} s`)}
    ${fact("dead letter", moment(task.dead_lettered_at))}
    ${task.audit && fact("created by", task.audit.created_by)}
    ${task.audit && fact("canceled by", task.audit.canceled_by)}
    ${task.audit && fact("retried by", task.audit.retried_by)}
  </dl>`;
}
