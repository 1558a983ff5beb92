// A JSON Schema as a table.

import { Fragment, html } from "./html.js";

const DEEPEST = 6;

/** The target of a reference within the document. */
export function resolve(thing, api) {
  if (!thing?.$ref) return thing;
  const path = thing.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return resolve(path.reduce((parent, part) => parent?.[part], api), api);
}

export function Schema({ schema, api, depth = 0 }) {
  const whole = resolve(schema, api) ?? {};
  const properties = propertiesOf(whole, api);
  const item = resolve(whole.items, api);
  if (properties.length === 0) {
    return html`<${Fragment}><small>${[typeOf(whole, api), limitsOf(whole, api)].filter(Boolean).join(", ")}</small>
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
        <td><${Prose} text=${inner.description} /> <small>${limitsOf(inner, api)}</small>
          ${nested && html`<details><summary>fields</summary><${Schema} schema=${nested} api=${api} depth=${depth + 1} /></details>`}</td>
      </tr>`;
    })}
  </tbody></table>`;
}

/** Text with its `code` marked up. */
export function Prose({ text = "" }) {
  return text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

function propertiesOf(schema, api) {
  const own = Object.entries(schema?.properties ?? {});
  return [...(schema?.allOf ?? []).flatMap((part) => propertiesOf(resolve(part, api), api)), ...own];
}

/** The schema with fields inside another one: itself, its items, or its option that is not null. */
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

/** The limits of a schema, or of its option that is not null, as text. */
function limitsOf(schema, api) {
  const rest = (schema.anyOf ?? []).map((each) => resolve(each, api)).filter((each) => each.type !== "null");
  const limits = rest.length === 1 ? { ...rest[0], ...schema } : schema;
  return [
    limits.format,
    range(limits.minimum, limits.maximum),
    limits.exclusiveMinimum !== undefined && `more than ${limits.exclusiveMinimum}`,
    limits.exclusiveMaximum !== undefined && `less than ${limits.exclusiveMaximum}`,
    range(limits.minLength, limits.maxLength, "characters"),
    range(limits.minItems, limits.maxItems, "items"),
    limits.pattern && `matches ${limits.pattern}`,
    (limits.default ?? null) !== null && `default ${JSON.stringify(limits.default)}`,
  ].filter(Boolean).join(", ");
}

function range(low, high, unit = "") {
  if (low === undefined && high === undefined) return null;
  const span = high === undefined ? `at least ${low}` : low === undefined ? `at most ${high}` : `${low} to ${high}`;
  return `${span} ${unit}`.trim();
}
