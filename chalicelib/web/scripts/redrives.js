// Retries or cancels many tasks: a preview with the count, then the progress with a button to stop.

import { html, useEffect, useState } from "./html.js";
import { count, number } from "./format.js";
import { Action, Dialog, Loading, Status, Trouble } from "./parts.js";

const POLL_MS = 1000;
const RATES = [5, 10, 25, 50, 100];

/** Buttons for all tasks that match the filters of the list. */
export function BulkAction({ api, filters }) {
  const [action, setAction] = useState(null);
  const { status } = filters;
  const mayRetry = !status || ["failed", "canceled", "expired"].includes(status);
  const mayCancel = !status || ["scheduled", "queued", "retrying", "running"].includes(status);
  return html`<span class="bulk">
    ${mayRetry && html`<button type="button" class="quiet" onClick=${() => setAction("retry")}>Retry all …</button>`}
    ${mayCancel && html`<button type="button" class="quiet" onClick=${() => setAction("cancel")}>Cancel all …</button>`}
    ${action && html`<${Redrive} api=${api} action=${action} filter=${filters} onClose=${() => setAction(null)} />`}
  </span>`;
}

/** `name` describes the tasks when the filter is only an id. */
export function Redrive({ api, action, filter, name, onClose }) {
  const [preview, setPreview] = useState(null);
  const [problem, setProblem] = useState(null);
  const [rate, setRate] = useState(10);
  const [redrive, setRedrive] = useState(null);
  useEffect(() => {
    api.post("redrives", { action, filter, dry_run: true }).then(setPreview, setProblem);
  }, []);
  const title = action === "retry" ? "Retry all that match" : "Cancel all that match";
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div class="redrive">
      <p class="muted">${name ?? Object.entries(filter).map(([field, value]) => html`<span class="tag">${field}: ${value}</span>`)}</p>
      <${Trouble} problem=${problem} />
      ${!preview && !problem && html`<${Loading} lines=${3} />`}
      ${preview && !redrive && html`<${Preview} ...${{ preview, action, rate, setRate, onClose }} onGo=${async () => setRedrive(await api.post("redrives", { action, filter, rate }))} />`}
      ${redrive && html`<${Course} api=${api} redrive=${redrive} onChange=${setRedrive} />`}
    </div>
  </${Dialog}>`;
}

function Preview({ preview, action, rate, setRate, onGo, onClose }) {
  if (preview.matched === 0) return html`<p>No task matches now.</p><footer><button onClick=${onClose}>Close</button></footer>`;
  return html`<p><b>${preview.more ? "At least " : ""}${count(preview.matched, "task")}</b> will be ${action === "retry" ? "queued again, with new attempts" : "canceled"}.</p>
    <ul class="sample">${preview.sample.map((task) => html`<li><${Status} of=${task.status} /> ${task.type} <small>${task.error?.message}</small></li>`)}
      ${preview.matched > preview.sample.length && html`<li class="muted">and ${number(preview.matched - preview.sample.length)} more</li>`}
    </ul>
    <label class="rate">Tasks per second
      <select value=${rate} onChange=${(event) => setRate(Number(event.target.value))}>
        ${RATES.map((each) => html`<option value=${each}>${each}</option>`)}
      </select>
    </label>
    <footer>
      <button type="button" onClick=${onClose}>Close</button>
      <${Action} class="primary" onClick=${onGo}>${action === "retry" ? "Retry" : "Cancel"} ${count(preview.matched, "task")}</${Action}>
    </footer>`;
}

/** The progress of a redrive. */
function Course({ api, redrive, onChange }) {
  const [problem, setProblem] = useState(null);
  const isRunning = redrive.status === "running";
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(async () => {
      try {
        onChange(await api.get(`redrives/${redrive.id}`));
        setProblem(null);
      } catch (error) {
        setProblem(error);
      }
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [redrive.id, isRunning]);
  return html`<div class="course" role="status">
    <p><b>${{ running: "Running", done: "Done", aborted: "Stopped", failed: "Failed" }[redrive.status] ?? redrive.status}</b>
      ${isRunning && html`, at most ${redrive.rate} tasks per second`}</p>
    <dl class="facts">
      ${["examined", "matched", "changed", "skipped", "failed"].map((name) => html`<div><dt>${name}</dt><dd>${number(redrive[name])}</dd></div>`)}
    </dl>
    <${Trouble} problem=${problem} />
    ${isRunning && html`<footer><${Action} onClick=${async () => onChange(await api.post(`redrives/${redrive.id}/abort`))}>Stop</${Action}></footer>`}
  </div>`;
}
