// Fields of a form, each with its label, its help and its errors.

import { html, useId } from "./html.js";

/** `typed` holds the text of each field by name; `onType` is called with all texts after a change. */
export function Fields({ fields, typed, onType, errors }) {
  return fields.map((field) => html`<${Field} key=${field.pointer} field=${field} typed=${typed[field.name]} errors=${errors}
    onType=${(value) => onType({ ...typed, [field.name]: value })} />`);
}

function Field({ field, typed, onType, errors }) {
  if (field.kind === "object") {
    return html`<fieldset><legend>${field.title}</legend>
      <${Wrong} messages=${errors[field.pointer]} />
      <${Fields} fields=${field.fields} typed=${typed} onType=${onType} errors=${errors} />
    </fieldset>`;
  }
  return html`<${Labeled} title=${field.title} help=${helpOf(field)} isRequired=${field.isRequired} messages=${errors[field.pointer]}>
    ${(attributes) => html`<${Control} field=${field} typed=${typed} onType=${onType} attributes=${attributes} />`}
  </${Labeled}>`;
}

/** A label, a control that `children` renders with the given attributes, help, and errors. */
export function Labeled({ title, help, isRequired, messages, children }) {
  const id = useId();
  const describedBy = [help && `${id}-help`, messages && `${id}-wrong`].filter(Boolean).join(" ") || null;
  return html`<div class="field ${messages ? "invalid" : ""}">
    <label for=${id}>${title}${isRequired && html`<i title="required" aria-hidden="true">*</i>`}</label>
    ${children({ id, "aria-describedby": describedBy, "aria-invalid": messages ? "true" : null, "aria-required": isRequired ? "true" : null })}
    ${help && html`<small id="${id}-help">${help}</small>`}
    <${Wrong} id="${id}-wrong" messages=${messages} />
  </div>`;
}

function Wrong({ id, messages }) {
  return messages ? html`<p class="wrong" id=${id}>${messages.join(" ")}</p>` : null;
}

function Control({ field, typed, onType, attributes }) {
  const typing = { ...attributes, value: typed, onInput: (event) => onType(event.target.value) };
  switch (field.kind) {
    case "boolean":
      return html`<input type="checkbox" ...${attributes} checked=${typed} onChange=${(event) => onType(event.target.checked)} />`;
    case "choice":
      return html`<select ...${attributes} value=${typed} onChange=${(event) => onType(event.target.value)}>
        ${!field.isRequired && html`<option value=""></option>`}
        ${field.choices.map((choice) => html`<option value=${String(choice)}>${String(choice)}</option>`)}
      </select>`;
    case "number":
    case "integer":
      return html`<input inputmode=${field.kind === "integer" ? "numeric" : "decimal"} autocomplete="off" ...${typing} />`;
    case "text":
      return html`<input autocomplete="off" spellcheck="false" ...${typing} />`;
    default:
      return html`<textarea rows=${field.kind === "longtext" ? 4 : 3} spellcheck="false" ...${typing}></textarea>`;
  }
}

const SHAPES = { pairs: "one “name: value” per line", list: "one per line", json: "JSON" };

function helpOf(field) {
  const empty = field.isNullable && !field.isRequired ? "empty: null" : null;
  return [field.help, SHAPES[field.kind], empty].filter(Boolean).join(" · ") || null;
}
