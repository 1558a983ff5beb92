// Tasks whose last attempt failed, grouped by cause.

import { html, useEffect, useState } from "./html.js";
import { query } from "./api.js";
import { count } from "./format.js";
import { Icon } from "./icons.js";
import { useObservable } from "./observable.js";
import { Action, Blank, Loading, Moment, Trouble } from "./parts.js";
import { Redrive } from "./redrives.js";
import { Link, router } from "./router.js";

/** No update announces a new dead letter, so the list is polled. */
const REFRESH_MS = 60_000;

export function DeadLetters({ api, live, place, types, session }) {
  const { items: pages, problem, isLoading, hasMore, isFirst, loadMore, reload } = usePages(api, { type: place.type }, "groups");
  const groups = merged(pages);
  const pending = useObservable(live.stats).pendingDeadLetters;
  useEffect(() => {
    live.stats.refresh();
  }, []);
  // A failure or a retry changes the groups. Many of them within two seconds cause one reload.
  useEffect(() => {
    let timer = null;
    const stop = live.listen((tasks) => {
      if (timer === null && tasks.some((task) => task.status === "failed" || task.redrive_count > 0)) {
        timer = setTimeout(() => {
          timer = null;
          reload();
          live.stats.refresh();
        }, 2000);
      }
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [place.type]);
  useEffect(() => {
    if (!isFirst) return undefined; // a reload would leave the older page
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [place.type, isFirst]);
  if (problem?.isMissingRoute) return html`<${Blank} title="Not offered here">This service does not list its dead letters.</${Blank}>`;
  return html`<section class="panel" aria-labelledby="dead-letters">
    <header><h2 id="dead-letters">Dead letters</h2>
      <label><span class="hidden">Task type</span>
        <select value=${place.type ?? ""} onChange=${(event) => router.go({ ...place, type: event.target.value }, { replace: true })}>
          <option value="">all types</option>
          ${(types ?? []).map((type) => html`<option value=${type.name}>${type.name}</option>`)}
        </select>
      </label>
    </header>
    <${Trouble} problem=${problem} retry=${reload} />
    ${groups.length === 0 && isLoading && html`<${Loading} />`}
    ${groups.length === 0 && !isLoading && !problem && !hasMore && html`<${Blank} icon=${pending ? "inbox" : "succeeded"} title=${pending ? "No dead letters recorded yet" : "No dead letters"}>
      ${pending ? html`<${Pending} count=${pending} />` : "A task whose last attempt failed is listed here within five minutes."}</${Blank}>`}
    <ul class="groups">
      ${groups.map((group) => html`<${Group} key=${group.id} ...${{ api, live, group, place, mayRetry: session.mayWrite, onRetried: reload }} />`)}
    </ul>
    ${groups.length > 0 && pending > 0 && html`<p class="end"><${Pending} count=${pending} /></p>`}
    ${hasMore && html`<p class="end"><${Action} class="quiet" onClick=${loadMore}>Load older dead letters</${Action}></p>`}
  </section>`;
}

/** The number of dead letters of the stage that the monitor has not recorded yet. */
function Pending({ count: pending }) {
  return html`<span role="status">${count(pending, "dead letter")} will be recorded within five minutes.</span>`;
}

function Group({ api, live, group, place, mayRetry, onRetried }) {
  const [isOpen, setOpen] = useState(false);
  const [isRetrying, setRetrying] = useState(false);
  const close = () => {
    setRetrying(false);
    onRetried();
  };
  // A message that belongs to no task cannot be retried.
  const isTask = group.kind !== "quarantined";
  return html`<li class="group">
    <button type="button" class="fold" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <${Icon} name="fold" />
      <span class="count">${group.count}<span class="hidden"> × </span></span>
      <span class="cause"><b>${isTask ? group.error_type ?? group.kind : "Not a task"}</b> ${group.type && html`<span class="tag">${group.type}</span> `}<span class="tag">${group.kind}</span>
        <small>${group.message}</small></span>
      <span class="when">last <${Moment} at=${group.last_failed_at} /><small>first <${Moment} at=${group.first_failed_at} /></small></span>
    </button>
    ${mayRetry && isTask && html`<button type="button" class="retry-all" onClick=${() => setRetrying(true)}>Retry all …</button>`}
    ${isOpen && html`<${Letters} ...${{ api, live, group, place, mayRetry, onRetried }} />`}
    ${isRetrying && html`<${Redrive} api=${api} action="retry" filter=${{ group: group.id }}
      name=${`${group.error_type ?? group.kind}: ${group.message}`} onClose=${close} />`}
  </li>`;
}

function Letters({ api, live, group, place, mayRetry, onRetried }) {
  const { items, problem, isLoading, hasMore, loadMore, reload } = usePages(api, { group: group.id }, "dead_letters");
  const retry = async (id) => {
    live.list.apply([await api.post(`tasks/${id}/retry`)]);
    reload();
    onRetried();
  };
  return html`<div class="letters">
    <${Trouble} problem=${problem} retry=${reload} />
    ${isLoading && items.length === 0 && html`<${Loading} lines=${2} />`}
    <ul>
      ${items.map((letter) => html`<li key=${letter.key}>
        ${letter.task_id ? html`<${Link} to=${{ ...place, task: letter.task_id }}><code>${letter.task_id}</code></${Link}>` : html`<code>${letter.key}</code>`}
        <span class="message">${letter.message}</span>
        <span class="muted">${letter.attempt ? `attempt ${letter.attempt}, ` : ""}<${Moment} at=${letter.failed_at ?? letter.recorded_at} /></span>
        ${mayRetry && letter.task_id && html`<${Action} class="small" onClick=${() => retry(letter.task_id)}>Retry<span class="hidden"> ${letter.task_id}</span></${Action}>`}
      </li>`)}
    </ul>
    ${!hasMore && items.length > 0 && html`<p class="end">${count(items.length, "dead letter")}</p>`}
    ${hasMore && html`<p class="end"><${Action} class="quiet small" onClick=${loadMore}>More</${Action}></p>`}
  </div>`;
}

/** The pages of `GET /dead-letters`. `reload` keeps the old pages until the first new one has arrived. */
function usePages(api, filters, name) {
  const [state, setState] = useState({ items: [], cursor: null, isFirst: true, isLoading: true, problem: null });
  const load = async (before) => {
    try {
      const page = await api.get(`dead-letters${query({ ...filters, limit: 50, cursor: before.cursor })}`);
      setState({ items: [...before.items, ...page[name]], cursor: page.next_cursor, isFirst: before.cursor === null, isLoading: false, problem: null });
    } catch (problem) {
      setState((last) => ({ ...last, isLoading: false, problem }));
    }
  };
  const reload = () => load({ items: [], cursor: null });
  useEffect(() => {
    reload();
  }, Object.values(filters));
  return { ...state, hasMore: state.cursor !== null, loadMore: () => load(state), reload };
}

/** Merges the parts of groups that continue on the next page. */
function merged(groups) {
  const byId = new Map();
  for (const group of groups) {
    const known = byId.get(group.id);
    if (known === undefined) byId.set(group.id, group);
    else {
      byId.set(group.id, {
        ...known,
        count: known.count + group.count,
        first_failed_at: [known.first_failed_at, group.first_failed_at].sort()[0],
      });
    }
  }
  return [...byId.values()];
}
