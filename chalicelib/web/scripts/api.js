// The client of the HTTP API. All addresses are relative, because the page may be below any stage path.

import { setClock } from "./server-clock.js";

/** An error response: the service's problem document (RFC 9457), or the status alone. */
export class Problem extends Error {
  constructor({ status, code, detail, title, errors = [] }, retryAfter = null) {
    super(detail ?? title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }

  /** Does the service lack the route? API Gateway and chalice local answer 404 without a code. */
  get isMissingRoute() {
    return this.code === "no_such_route" || (this.status === 404 && this.code === undefined);
  }
}

const UNREACHABLE = { status: 0, code: "unreachable", detail: "The service cannot be reached. Are you online?" };

export class Api {
  #session;

  /** `session` supplies the token; its `refused` is called when the service does not accept the token. */
  constructor(session) {
    this.#session = session;
  }

  get(path) {
    return this.#call("GET", path);
  }

  post(path, body = {}, headers = {}) {
    return this.#call("POST", path, JSON.stringify(body), { "Content-Type": "application/json", ...headers });
  }

  delete(path) {
    return this.#call("DELETE", path);
  }

  async #call(method, path, body, headers = {}) {
    const token = this.#session.token;
    const authorization = token ? { Authorization: `Bearer ${token}` } : {};
    const sentAt = Date.now();
    let response;
    try {
      response = await fetch(path, { method, body, headers: { ...headers, ...authorization }, cache: "no-store" });
    } catch {
      throw new Problem(UNREACHABLE);
    }
    setClock(response.headers.get("Date"), sentAt);
    const answer = await read(response);
    if (response.ok) return answer;
    if (response.status === 401) this.#session.refused(token);
    throw new Problem({ ...answer, status: response.status }, Number(response.headers.get("Retry-After")) || null);
  }
}

async function read(response) {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return { detail: `The service answered ${response.status} without JSON.` };
  }
}

/** A query string with its question mark, of the values that are set; empty if none is. */
export function query(values) {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return set.length ? `?${new URLSearchParams(set)}` : "";
}
