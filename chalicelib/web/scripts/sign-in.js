// The sign-in page.

import { html, useState } from "./html.js";
import { Labeled } from "./form.js";
import { useObservable } from "./observable.js";
import { Action } from "./parts.js";

export function SignIn({ session }) {
  useObservable(session);
  const [token, setToken] = useState("");
  const isOidc = session.auth.mode === "oidc";
  const submit = (event) => {
    event.preventDefault();
    session.use(token.trim());
  };
  const messages = session.problem ? [session.problem] : null;
  return html`<main class="sign-in">
    <h1>Tasks</h1>
    ${isOidc
      ? html`<p>Sign in to see your tasks.</p>
          ${messages && html`<p class="wrong" role="alert">${session.problem}</p>`}
          <${Action} class="primary" onClick=${() => session.signIn()}>Sign in</${Action}>`
      : html`<form onSubmit=${submit}>
          <${Labeled} title="Token" help=${session.isLocal ? "`make -s token` prints a token. The link that `make up` prints contains one." : "The token is stored in this tab only."} messages=${messages}>
            ${(attributes) => html`<input type="password" autocomplete="off" autofocus ...${attributes} value=${token} onInput=${(event) => setToken(event.target.value)} />`}
          </${Labeled}>
          <button class="primary">Sign in</button>
        </form>`}
    <p><a href="docs">API reference</a></p>
  </main>`;
}
