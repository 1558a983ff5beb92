// The live list of tasks, newest first.

import { html, useEffect, useMemo, useState } from "./html.js";
import { count, duration, shortId } from "./format.js";
import { Icon } from "./icons.js";
import { useNow, useObservable } from "./observable.js";
import { Blank, Loading, Moment, Progress, Status, Trouble } from "./parts.js";
import { BulkAction } from "./redrives.js";
import { Link, router } from "./router.js";
import { STATUSES, isFinal, runTime, waitTime } from "./status.js";
import { VirtualList } from "./virtual.js";

export const FILTERS = ["status", "type", "tag"];

const HEADER = html`<div class="columns" aria-hidden="true">
  <span>status</span><span>type</span><span>details</span><span>attempt</span><span>wait</span><span>run</span><span>created</span>
</div>`;

/** `place` has the filters; `types` are the task types of the service. */
export function Tasks({ live, place, types, session }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, place[name]]).filter(([, value]) => value));
  const list = useObservable(useMemo(() => live.filter(filters), [live, ...FILTERS.map((name) => place[name])]));
  const isFiltered = Object.keys(filters).length > 0;
  return html`<section class="tasks" aria-label="Tasks">
    <${Filters} place=${place} types=${types}>
      ${isFiltered && session.mayWrite && html`<${BulkAction} api=${live.api} filters=${filters} />`}
    </${Filters}>
    <${VirtualList} ids=${list.ids} label="Tasks, newest first" onEnd=${() => list.problem || list.loadMore()}
      header=${HEADER} row=${(id) => html`<${Row} task=${list.get(id)} place=${place} />`}
      empty=${list.problem ? null : list.isLoading ? html`<${Loading} />` : html`<${Nothing} isFiltered=${isFiltered} place=${place} mayWrite=${session.mayWrite} />`}
      footer=${html`<${Footer} list=${list} />`} />
  </section>`;
}

function Row({ task, place }) {
  const now = useNow();
  const isOpen = place.task === task.id;
  return html`<${Link} to=${{ ...place, task: task.id }} class="task" aria-current=${isOpen ? "true" : null}>
    <${Status} of=${task.status} />
    <span class="type">${task.type}<small>${shortId(task.id)}</small></span>
    <span class="what"><${What} task=${task} /></span>
    <span class="number attempts">${task.attempt}<small>/${task.max_attempts}</small></span>
    <span class="number wait">${duration(waitTime(task))}</span>
    <span class="number run">${duration(runTime(task, now))}</span>
    <span class="number created"><${Moment} at=${task.created_at} /></span>
  </${Link}>`;
}

/** The most useful detail of a task in its status. */
function What({ task }) {
  if (task.cancel_requested && !isFinal(task)) return "cancel requested";
  if (task.status === "running") {
    return html`<${Progress} of=${task.progress} label="Progress of ${task.type}" /><small>${task.progress?.message}</small>`;
  }
  if (task.status === "retrying" || task.status === "scheduled") {
    return html`${task.error && html`<span class="error">${task.error.message}</span>`}
      <span>${task.status === "retrying" ? "retries" : "starts"} <${Due} at=${task.run_at} /></span>`;
  }
  if (task.error) return html`<span class="error"><b>${task.error.type ?? task.error.kind}</b> ${task.error.message}</span>`;
  return task.tags.map((tag) => html`<span class="tag">${tag}</span>`);
}

/** The time of a start; a due task waits for a worker. */
function Due({ at }) {
  return useNow() < Date.parse(at) ? html`<${Moment} at=${at} />` : "soon";
}

function Filters({ place, types, children }) {
  const set = (change) => router.go({ ...place, task: undefined, ...change }, { replace: true });
  const [tag, setTag] = useState(place.tag ?? "");
  useEffect(() => setTag(place.tag ?? ""), [place.tag]);
  return html`<form class="filters" role="search" aria-label="Filter tasks" onSubmit=${(event) => {
    event.preventDefault();
    set({ tag: tag.trim() });
  }}>
    <div class="statuses" role="group" aria-label="Status">
      <button type="button" aria-pressed=${!place.status} onClick=${() => set({ status: undefined })}>all</button>
      ${STATUSES.map((status) => html`<button type="button" class="status ${status}" aria-pressed=${place.status === status}
        onClick=${() => set({ status: place.status === status ? undefined : status })}><${Icon} name=${status} />${status}</button>`)}
    </div>
    <label><span class="hidden">Task type</span>
      <select value=${place.type ?? ""} onChange=${(event) => set({ type: event.target.value })}>
        <option value="">all types</option>
        ${namesOf(types, place.type).map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
    </label>
    <label><span class="hidden">Tag</span>
      <input type="search" placeholder="tag" value=${tag} onInput=${(event) => setTag(event.target.value)}
        onChange=${() => set({ tag: tag.trim() })} />
    </label>
    ${children}
  </form>`;
}

/** The filter may name a type that was removed from the service but still has tasks. */
function namesOf(types, chosen) {
  const names = (types ?? []).map((type) => type.name);
  return chosen && !names.includes(chosen) ? [chosen, ...names] : names;
}

function Nothing({ isFiltered, place, mayWrite }) {
  if (isFiltered) {
    return html`<${Blank} title="No task matches">
      <${Link} to=${{ view: place.view }}>Show all tasks</${Link}>
    </${Blank}>`;
  }
  return html`<${Blank} title="No tasks yet">
    ${mayWrite ? html`<${Link} to=${{ ...place, create: "1" }}>Create the first one</${Link}>` : "They appear here as soon as somebody creates one."}
  </${Blank}>`;
}

function Footer({ list }) {
  if (list.problem) return html`<${Trouble} problem=${list.problem} retry=${() => list.loadMore()} />`;
  if (list.wasTrimmed) {
    return html`<p class="end">The newest ${count(list.ids.length, "task")}. Use a filter to find older ones.</p>`;
  }
  if (list.isLoading && list.ids.length) return html`<p class="end" role="status">Loading older tasks …</p>`;
  return list.isComplete && list.ids.length ? html`<p class="end">${count(list.ids.length, "task")}</p>` : null;
}
