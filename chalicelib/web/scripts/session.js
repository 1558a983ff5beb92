// The signed-in user and their permissions. The token is stored for this tab only.

import { Observable } from "./observable.js";
import { now } from "./server-clock.js";
import { finishSignIn, startSignIn } from "./oidc.js";

const KEPT = "token";

export class Session extends Observable {
  constructor(config) {
    super();
    this.auth = config.auth;
    this.isLocal = config.stage === "local";
    this.token = null;
    this.problem = null; // why no user is signed in, as a sentence
  }

  /** Signs in with the token in the address or in this tab's storage. */
  async begin() {
    if (this.auth.mode === "off") return;
    const linked = new URLSearchParams(location.hash.slice(1)).get("token");
    if (linked) history.replaceState(null, "", location.pathname + location.search);
    // Only the local stage prints such links. Elsewhere a link could sign a user in as somebody else.
    if (linked && this.isLocal && this.use(linked)) return;
    if (this.auth.mode === "oidc") {
      try {
        const token = await finishSignIn(this.auth);
        if (token && this.use(token)) return;
      } catch (error) {
        this.problem = error.message;
      }
    }
    this.token = sessionStorage.getItem(KEPT);
    if (this.token && isOver(claimsOf(this.token))) this.refused(this.token);
  }

  /** Signs in with a token. Returns false and sets `problem` if it is not a valid token. */
  use(token) {
    const claims = claimsOf(token);
    this.problem = claims === null ? "That is not a token: a token has three parts, separated by dots."
      : isOver(claims) ? "That token has expired." : null;
    if (this.problem === null) {
      this.token = token;
      sessionStorage.setItem(KEPT, token);
    }
    this.changed();
    return this.problem === null;
  }

  /** Opens the page of the provider, which redirects back to this page. */
  signIn() {
    return startSignIn(this.auth);
  }

  signOut() {
    sessionStorage.removeItem(KEPT);
    this.token = null;
    this.problem = null;
    this.changed();
  }

  /** Signs out after the service did not accept `token`. */
  refused(token) {
    if (token !== this.token) return; // a late response to a request with an older token
    this.signOut();
    this.problem = isOver(claimsOf(token)) ? "Your session has ended." : "The service did not accept the token.";
  }

  get isSignedIn() {
    return this.auth.mode === "off" || this.token !== null;
  }

  /** The name in the token. */
  get name() {
    return claimsOf(this.token)?.sub ?? null;
  }

  get mayWrite() {
    return this.#may("tasks:write");
  }

  get mayAdminister() {
    return this.#may("tasks:admin");
  }

  /** Decides only what is shown. The service decides what is allowed. */
  #may(scope) {
    if (this.auth.mode === "off") return true;
    const granted = claimsOf(this.token)?.[this.auth.scope_claim] ?? "";
    const scopes = Array.isArray(granted) ? granted : String(granted).split(" ");
    return [scope, "tasks:admin"].some((each) => scopes.includes(this.auth.scope_prefix + each));
  }
}

/** The unverified claims of a token; null if it is not a token. */
function claimsOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (each) =>
      each.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function isOver(claims) {
  return claims !== null && typeof claims.exp === "number" && claims.exp * 1000 <= now();
}
