// The reference of the API, rendered from openapi.json.

import { Fragment, html, render } from "./html.js";
import { Api } from "./api.js";
import { Json } from "./json-tree.js";
import { Loading, Trouble } from "./parts.js";
import { Prose, Schema, resolve } from "./schema-view.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function Reference({ document: api }) {
  const operations = operationsOf(api);
  const tags = [...new Set(operations.map((operation) => operation.tag))];
  return html`<${Fragment}>
    <header class="top"><h1>${api.info.title} <span class="stage">${api.info.version}</span></h1>
      <nav aria-label="Pages"><a href="./">Dashboard</a><a href="openapi.json">openapi.json</a></nav></header>
    <main class="reference">
      <nav aria-label="Routes">${tags.map((tag) => html`<h2>${tag}</h2>
        ${operations.filter((operation) => operation.tag === tag).map((operation) => html`<a href="#${operation.id}"><${Method} of=${operation} /><span>${breakable(operation.path)}</span></a>`)}`)}
      </nav>
      <div class="operations" tabindex="0" role="region" aria-label="Routes in full">
        ${api.info.description && html`<p class="intro">${api.info.description}</p>`}
        ${operations.map((operation) => html`<${Operation} key=${operation.id} operation=${operation} api=${api} />`)}
      </div>
    </main>
  </${Fragment}>`;
}

function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      ...item[method],
      method,
      path,
      id: item[method].operationId ?? `${method}${path.replace(/\W+/g, "-")}`,
      tag: item[method].tags?.[0] ?? path.split("/")[1] ?? "",
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map((each) => resolve(each, api)),
    })));
}

/** A path that may break before each slash. */
const breakable = (path) => path.split(/(?=\/)/).map((part) => html`<wbr />${part}`);

function Method({ of: { method } }) {
  return html`<span class="method ${method}">${method.toUpperCase()}</span>`;
}

function Operation({ operation, api }) {
  const body = operation.requestBody && resolve(operation.requestBody, api);
  return html`<article class="operation" id=${operation.id}>
    <h2><${Method} of=${operation} /><code>${operation.path}</code></h2>
    ${operation.summary && html`<p><b>${operation.summary}</b></p>`}
    ${operation.description && html`<p><${Prose} text=${operation.description} /></p>`}
    <${Security} operation=${operation} api=${api} />
    ${operation.parameters.length > 0 && html`<${Fragment}><h3>Parameters</h3><${Parameters} parameters=${operation.parameters} api=${api} /></${Fragment}>`}
    ${body && html`<${Fragment}><h3>Body</h3><${Content} content=${body.content} api=${api} /></${Fragment}>`}
    <h3>Responses</h3>
    ${Object.entries(operation.responses).map(([status, response]) => html`<${ResponseItem} key=${status} status=${status} response=${resolve(response, api)} api=${api} />`)}
  </article>`;
}

function Security({ operation, api }) {
  const schemes = operation.security ?? api.security ?? [];
  if (schemes.length === 0) return html`<p class="muted">No token needed.</p>`;
  return operation.description?.includes("scope") ? null : html`<p class="muted">Needs a token.</p>`;
}

function Parameters({ parameters, api }) {
  return html`<table><tbody>
    ${parameters.map((each) => html`<tr>
      <th scope="row"><code>${each.name}</code>${each.required && html`<i title="required">*</i>`}</th>
      <td>${each.in}</td>
      <td><${Prose} text=${each.description} /> <${Schema} schema=${each.schema ?? {}} api=${api} /></td>
    </tr>`)}
  </tbody></table>`;
}

function ResponseItem({ status, response, api }) {
  const title = html`<code>${status}</code> <${Prose} text=${response.description} />`;
  return response.content
    ? html`<details><summary>${title}</summary><${Content} content=${response.content} api=${api} /></details>`
    : html`<p>${title}</p>`;
}

function Content({ content, api }) {
  return Object.entries(content).map(([type, { schema, example, examples }]) => {
    const shown = example ?? Object.values(examples ?? {})[0]?.value;
    return html`<div key=${type}><span class="tag">${type}</span>
      ${schema && html`<${Schema} schema=${schema} api=${api} />`}
      ${shown !== undefined && html`<${Json} value=${shown} label="example" />`}</div>`;
  });
}

async function begin() {
  const root = document.getElementById("app");
  render(html`<main class="view"><${Loading} /></main>`, root);
  try {
    const api = await new Api({ token: null, refused() {} }).get("openapi.json");
    render(html`<${Reference} document=${api} />`, root);
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (problem) {
    render(html`<main class="sign-in"><h1>API reference</h1><${Trouble} problem=${problem} retry=${() => location.reload()} /></main>`, root);
  }
}

begin();
