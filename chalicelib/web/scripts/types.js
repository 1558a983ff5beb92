// The task types, with buttons that pause and resume them.

import { html, useState } from "./html.js";
import { count } from "./format.js";
import { Icon } from "./icons.js";
import { Action, Dialog, Loading, Moment, Trouble } from "./parts.js";
import { Link } from "./router.js";

export function TaskTypes({ api, types, problem, reload, session }) {
  return html`<section class="panel" aria-labelledby="types">
    <header><h2 id="types">Task types</h2></header>
    <${Trouble} problem=${problem} retry=${reload} />
    ${!types && !problem && html`<${Loading} />`}
    <ul class="types">
      ${(types ?? []).map((type) => html`<${Type} key=${type.name} ...${{ api, type, reload, session }} />`)}
    </ul>
  </section>`;
}

function Type({ api, type, reload, session }) {
  const [isPausing, setPausing] = useState(false);
  const resume = async () => {
    await api.post(`task-types/${encodeURIComponent(type.name)}/resume`);
    await reload();
  };
  // The responses of a service without pauses have no `paused`.
  const maySwitch = session.mayAdminister && type.paused !== undefined;
  return html`<li class=${type.paused ? "is-paused" : ""}>
    <div>
      <h3><${Link} to=${{ type: type.name }}>${type.name}</${Link}> <span class="tag">${type.lane} lane</span></h3>
      <p>${type.description}</p>
      <p class="muted">${count(type.defaults.max_attempts, "attempt")} · stopped after ${type.defaults.timeout_seconds} s without progress</p>
      ${type.paused && html`<p class="paused"><${Icon} name="paused" /> Paused <${Moment} at=${type.paused.at} />
        ${type.paused.by && ` by ${type.paused.by}`}${type.paused.reason && `: ${type.paused.reason}`}. Its tasks wait; none is lost.</p>`}
    </div>
    <div class="actions">
      ${session.mayWrite && html`<${Link} class="button" to=${{ view: "types", create: type.name }} >New task<span class="hidden"> ${type.name}</span></${Link}>`}
      ${maySwitch && (type.paused
        ? html`<${Action} class="primary" onClick=${resume}>Resume<span class="hidden"> ${type.name}</span></${Action}>`
        : html`<button type="button" onClick=${() => setPausing(true)}>Pause<span class="hidden"> ${type.name}</span> …</button>`)}
    </div>
    ${isPausing && html`<${Pause} ...${{ api, type, reload, onClose: () => setPausing(false) }} />`}
  </li>`;
}

function Pause({ api, type, reload, onClose }) {
  const [reason, setReason] = useState("");
  const pause = async () => {
    await api.post(`task-types/${encodeURIComponent(type.name)}/pause`, reason ? { reason } : {});
    await reload();
    onClose();
  };
  return html`<${Dialog} title="Pause ${type.name}" onClose=${onClose}>
    <div class="redrive">
      <p>This pauses the type for all users of the stage. Running tasks continue; all others wait until it is resumed.</p>
      <div class="field"><label for="reason">Reason, shown to other users</label>
        <input id="reason" maxlength="200" value=${reason} onInput=${(event) => setReason(event.target.value)} /></div>
      <footer><button type="button" onClick=${onClose}>Close</button><${Action} class="primary" onClick=${pause}>Pause</${Action}></footer>
    </div>
  </${Dialog}>`;
}
