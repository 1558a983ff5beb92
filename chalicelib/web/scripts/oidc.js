// OpenID Connect in a browser: authorization code with PKCE (RFC 7636), and a state against forged redirects.

const KEPT = "sign-in";

/** Stores the current view and opens the page of the provider. */
export async function startSignIn(auth) {
  const [verifier, state] = [random(), random()];
  sessionStorage.setItem(KEPT, JSON.stringify({ verifier, state, back: location.search }));
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const address = new URL(auth.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: auth.client_id,
    redirect_uri: here(),
    scope: auth.scope,
    audience: auth.audience,
    state,
    code_challenge: base64url(new Uint8Array(challenge)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) if (value) address.searchParams.set(name, value);
  location.assign(address);
}

/** The access token after a redirect from the provider, else null. Throws if the provider refused. */
export async function finishSignIn(auth) {
  const redirect = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!redirect.has("state") || !(redirect.has("code") || redirect.has("error"))) return null;
  sessionStorage.removeItem(KEPT);
  history.replaceState(null, "", location.pathname + (kept?.back ?? ""));
  if (kept === null || kept.state !== redirect.get("state")) throw new Error("That sign-in did not start in this tab.");
  if (redirect.has("error")) throw new Error(redirect.get("error_description") ?? redirect.get("error"));
  const response = await fetch(auth.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: redirect.get("code"),
      redirect_uri: here(),
      client_id: auth.client_id,
      code_verifier: kept.verifier,
    }),
  });
  const granted = await response.json();
  if (!response.ok) throw new Error(granted.error_description ?? granted.error ?? "The provider refused.");
  return granted.access_token;
}

/** The redirect address that the provider has registered: the page without query and fragment. */
function here() {
  return location.origin + location.pathname;
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
