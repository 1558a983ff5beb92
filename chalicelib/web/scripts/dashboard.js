// The dashboard: signs in, then shows the view that the address names.

import { Fragment, html, render, useEffect, useErrorBoundary, useMemo, useState } from "./html.js";
import { Api } from "./api.js";
import { Charts } from "./charts.js";
import { CreateTask } from "./create.js";
import { DeadLetters } from "./dead-letters.js";
import { Detail } from "./detail.js";
import { Icon } from "./icons.js";
import { Tasks } from "./list.js";
import { Live } from "./live.js";
import { useNow, useObservable } from "./observable.js";
import { Blank, Trouble } from "./parts.js";
import { Link, router } from "./router.js";
import { Session } from "./session.js";
import { SignIn } from "./sign-in.js";
import { TaskTypes } from "./types.js";

function Dashboard({ config, session }) {
  useObservable(session);
  if (!session.isSignedIn) return html`<${SignIn} session=${session} />`;
  // The key is the token: signing in as another user resets all state.
  return html`<${SignedIn} key=${session.token} config=${config} session=${session} />`;
}

function SignedIn({ config, session }) {
  const api = useMemo(() => new Api(session), []);
  const live = useMemo(() => new Live(api, { withStats: session.mayAdminister }), []);
  const catalogue = useTaskTypes(api);
  const { place } = useObservable(router);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, []);
  const { create, task, ...rest } = place;
  const closeTask = useMemo(() => () => router.go({ ...router.place, task: undefined }), []);
  const shared = { api, live, place: { ...rest, task }, session, ...catalogue };
  return html`<${Fragment}>
    <${Header} config=${config} session=${session} place=${place} live=${live} />
    <main class="${task ? "with-detail" : ""}">
      <div class="view"><${View} ...${shared} /></div>
      ${task && html`<${Detail} key=${task} ...${{ api, live, session, id: task, onClose: closeTask }} />`}
    </main>
    ${create && session.mayWrite && html`<${CreateTask} ...${{ api, ...catalogue }} chosen=${create}
      onCreated=${(created) => {
        live.list.apply([created]);
        router.go({ ...rest, view: undefined, task: created.id });
      }}
      onClose=${() => router.go({ ...rest, task })} />`}
  </${Fragment}>`;
}

function View(shared) {
  const [error, reset] = useErrorBoundary((thrown) => console.error(thrown));
  if (error) return html`<${Blank} icon="warning" title="This view failed"><button onClick=${reset}>Show it again</button></${Blank}>`;
  const { place, session, live } = shared;
  switch (place.view) {
    case "dead-letters":
      return session.mayAdminister ? html`<${DeadLetters} ...${shared} />` : html`<${NotAllowed} />`;
    case "types":
      return html`<${TaskTypes} ...${shared} />`;
    default:
      return html`<${Fragment}>${live.stats && html`<${Charts} stats=${live.stats} />`}<${Tasks} ...${shared} /></${Fragment}>`;
  }
}

function NotAllowed() {
  return html`<${Blank} icon="canceled" title="Not for this token">Only administrators can read dead letters.</${Blank}>`;
}

/** The task types, and `reload` to read them again. */
function useTaskTypes(api) {
  const [state, setState] = useState({ types: null, problem: null });
  const reload = async () => {
    try {
      setState({ types: (await api.get("task-types")).task_types, problem: null });
    } catch (problem) {
      setState((last) => ({ ...last, problem }));
    }
  };
  useEffect(() => {
    reload();
  }, []);
  return { ...state, reload };
}

function Header({ config, session, place, live }) {
  const tab = (view, name) => html`<${Link} to=${{ view }} aria-current=${(place.view ?? "") === (view ?? "") ? "page" : null}>${name}</${Link}>`;
  return html`<header class="top">
    <h1>Tasks <span class="stage">${config.stage}</span></h1>
    <nav aria-label="Views">
      ${tab(undefined, "Tasks")}
      ${session.mayAdminister && tab("dead-letters", "Dead letters")}
      ${tab("types", "Task types")}
      <a href="docs">API</a>
    </nav>
    <${Connection} connection=${live.connection} />
    ${session.name && html`<span class="user">${session.name}
      <button class="quiet small" onClick=${() => session.signOut()}>Sign out</button></span>`}
    ${session.mayWrite && html`<${Link} class="button primary" to=${{ ...place, create: place.type ?? "1" }}><${Icon} name="add" />New task</${Link}>`}
  </header>`;
}

const STATES = { connecting: "connecting", syncing: "syncing", live: "live", closed: "not connected" };

function Connection({ connection }) {
  useObservable(connection);
  const now = useNow();
  const { state, retryAt } = connection;
  const wait = Math.max(1, Math.ceil((retryAt - now) / 1000));
  const text = STATES[state] ?? (navigator.onLine ? `reconnecting in ${wait} s` : "offline");
  return html`<span class="connection ${state}"><i></i>
    <span>${text}</span>
    <span class="hidden" role="status">${state === "live" ? "Updates are live" : state === "waiting" ? "The connection is lost" : ""}</span>
  </span>`;
}

async function begin() {
  const root = document.getElementById("app");
  const session = { token: null, refused() {} };
  try {
    const config = await new Api(session).get("config");
    const signedIn = new Session(config);
    await signedIn.begin();
    document.title = `Tasks · ${config.stage}`;
    render(html`<${Dashboard} config=${config} session=${signedIn} />`, root);
  } catch (problem) {
    render(html`<main class="sign-in"><h1>Tasks</h1><${Trouble} problem=${problem} retry=${() => location.reload()} /></main>`, root);
  }
}

begin();
