// The dialog for a new task: a form that is built from the JSON Schema of the type's payload.

import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { Fields, Labeled } from "./form.js";
import { Dialog, Loading, Trouble } from "./parts.js";
import { FieldProblem, errorsByField, fieldsOf, initialOf, pointersOf, valueOf } from "./schema.js";

const OPTIONS = fieldsOf({
  properties: {
    tags: { type: "array", items: { type: "string" }, description: "up to 10" },
    delay_seconds: { type: "number", description: "seconds from now until the start" },
    run_at: { type: "string", format: "date-time", description: "start time, such as 2030-01-31T12:00:00Z" },
    expires_at: { type: "string", format: "date-time", description: "the task expires if it has not started by this time" },
    max_attempts: { type: "integer" },
    timeout_seconds: { type: "number", description: "stops an attempt that reports no progress for this long" },
  },
});

export function CreateTask({ api, types, problem, chosen, onCreated, onClose }) {
  const [name, setName] = useState(chosen ?? types?.[0]?.name);
  const type = types?.find((each) => each.name === name) ?? types?.[0];
  return html`<${Dialog} title="New task" onClose=${onClose}>
    <${Trouble} problem=${problem} />
    ${!types && !problem && html`<${Loading} lines=${4} />`}
    ${type && html`<${TaskForm} key=${type.name} ...${{ api, type, types, onCreated, onClose, onChoose: setName }} />`}
  </${Dialog}>`;
}

function TaskForm({ api, type, types, onChoose, onCreated, onClose }) {
  const form = useRef(null);
  const fields = useMemo(() => fieldsOf(type.payload_schema, type.payload_schema.$defs, "/payload"), [type]);
  const [payload, setPayload] = useState(() => initialOf(fields));
  const [options, setOptions] = useState(() => initialOf(OPTIONS));
  const [raw, setRaw] = useState(null); // the payload as JSON text; null while the form is used
  const [errors, setErrors] = useState({});
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  // The same form keeps its key, so a retry after a lost response does not create a second task.
  const key = useMemo(() => crypto.randomUUID(), [payload, options, raw]);

  useEffect(() => form.current.querySelector(".payload :is(input, select, textarea)")?.focus(), [type]);
  useEffect(() => {
    const wrong = form.current.querySelector("[aria-invalid=true]");
    wrong?.closest("details")?.setAttribute("open", "");
    wrong?.focus();
  }, [errors]);

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setErrors({});
    setProblem(null);
    try {
      const body = { type: type.name, payload: raw === null ? valueOf(fields, payload) : parsed(raw), ...valueOf(OPTIONS, options) };
      onCreated(await api.post("tasks", body, { "Idempotency-Key": key }));
    } catch (error) {
      const fieldErrors = error instanceof FieldProblem ? [error] : (error.errors ?? []);
      setErrors(errorsByField(fieldErrors, [...(raw === null ? pointersOf(fields) : ["/payload"]), ...pointersOf(OPTIONS)]));
      if (!(error instanceof FieldProblem)) setProblem(error);
      setBusy(false);
    }
  };
  const switchInput = () => {
    if (raw !== null) return setRaw(null);
    try {
      setRaw(JSON.stringify(valueOf(fields, payload), null, 2));
    } catch {
      setRaw("{}"); // the text in the form is not valid JSON yet
    }
  };

  return html`<form class="create" ref=${form} onSubmit=${submit} noValidate>
    <div class="scroll">
      <${Labeled} title="Type" help=${type.description} messages=${errors["/type"]}>
        ${(attributes) => html`<select ...${attributes} value=${type.name} onChange=${(event) => onChoose(event.target.value)}>
          ${types.map((each) => html`<option value=${each.name}>${each.name}</option>`)}
        </select>`}
      </${Labeled}>
      <fieldset class="payload">
        <legend>Payload <button type="button" class="quiet small" onClick=${switchInput}>${raw === null ? "write JSON" : "use the form"}</button></legend>
        ${raw === null
          ? html`<${Fields} fields=${fields} typed=${payload} onType=${setPayload} errors=${errors} />
              ${fields.length === 0 && html`<p class="muted">This type has no payload fields.</p>`}`
          : html`<${Labeled} title="JSON" messages=${errors["/payload"]}>
              ${(attributes) => html`<textarea rows="10" spellcheck="false" ...${attributes} value=${raw} onInput=${(event) => setRaw(event.target.value)}></textarea>`}
            </${Labeled}>`}
      </fieldset>
      <details class="options">
        <summary>Options</summary>
        <${Fields} fields=${optionsFor(type)} typed=${options} onType=${setOptions} errors=${errors} />
      </details>
    </div>
    <footer>
      ${problem && html`<p class="wrong" role="alert">${[problem.message, ...(errors[""] ?? [])].join(" ")}</p>`}
      <button type="button" onClick=${onClose}>Close</button>
      <button class="primary" aria-busy=${isBusy}>Create task</button>
    </footer>
  </form>`;
}

/** The options, with the defaults of the type in their help. */
function optionsFor(type) {
  return OPTIONS.map((option) => {
    const preset = type.defaults[option.name];
    return preset === undefined ? option : { ...option, help: [option.help, `default ${preset}`].filter(Boolean).join(" · ") };
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FieldProblem("/payload", `This is not JSON: ${error.message}`);
  }
}
