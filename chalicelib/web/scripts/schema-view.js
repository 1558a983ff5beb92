// A JSON Schema to be read by people.

import { Fragment, html } from "./html.js";

const LIMITS = {
  minimum: "≥", exclusiveMinimum: ">", maximum: "≤", exclusiveMaximum: "<", minLength: "characters ≥", maxLength: "characters ≤",
  minItems: "items ≥", maxItems: "items ≤", pattern: "matches", default: "default",
};
const DEEPEST = 6;

/** What a reference within the document stands for. */
export function resolve(thing, api) {
  if (!thing?.$ref) return thing;
  const path = thing.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return resolve(path.reduce((found, part) => found?.[part], api), api);
}

export function Schema({ schema, api, depth = 0 }) {
  const whole = resolve(schema, api) ?? {};
  const properties = propertiesOf(whole, api);
  const item = resolve(whole.items, api);
  if (properties.length === 0) {
    return html`<${Fragment}><small>${typeOf(whole, api)} ${limitsOf(whole)}</small>
      ${item && propertiesOf(item, api).length > 0 && html`<${Schema} schema=${item} api=${api} depth=${depth + 1} />`}</${Fragment}>`;
  }
  if (depth >= DEEPEST) return html`<small>…</small>`;
  const required = new Set(whole.required);
  return html`<table><tbody>
    ${properties.map(([name, property]) => {
      const inner = resolve(property, api) ?? {};
      const nested = nestedOf(inner, api);
      return html`<tr key=${name}>
        <th scope="row"><code>${name}</code>${required.has(name) && html`<i title="required">*</i>`}</th>
        <td>${typeOf(inner, api)}</td>
        <td>${inner.description} <small>${limitsOf(inner)}</small>
          ${nested && html`<details><summary>fields</summary><${Schema} schema=${nested} api=${api} depth=${depth + 1} /></details>`}</td>
      </tr>`;
    })}
  </tbody></table>`;
}

function propertiesOf(schema, api) {
  const own = Object.entries(schema?.properties ?? {});
  return [...(schema?.allOf ?? []).flatMap((part) => propertiesOf(resolve(part, api), api)), ...own];
}

/** The one schema with fields within another: itself, an item, or what it is when it is not null. */
function nestedOf(schema, api) {
  const candidates = [schema, schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map((each) => resolve(each, api));
  return candidates.find((each) => propertiesOf(each, api).length > 0);
}

function typeOf(schema, api) {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map((option) => typeOf(resolve(option, api) ?? {}, api)))].join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `array of ${typeOf(resolve(schema.items, api) ?? {}, api)}`;
  return [schema.type ?? (schema.properties ? "object" : "anything")].flat().join(" or ");
}

function limitsOf(schema) {
  return [schema.format, ...Object.entries(LIMITS).filter(([name]) => schema[name] !== undefined && schema[name] !== null)
    .map(([name, sign]) => `${sign} ${JSON.stringify(schema[name])}`)].filter(Boolean).join(", ");
}
