// The HTTP API, from a page that may live below any stage path: all addresses are relative.

import { setClock } from "./server-clock.js";

/** What went wrong, in the service's own words where it said any (RFC 9457). */
export class Problem extends Error {
  constructor({ status, code, detail, title, errors = [] }, retryAfter = null) {
    super(detail ?? title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }

  /** Does this service lack what was asked for? API Gateway answers so, and chalice local. */
  get isMissingRoute() {
    return this.code === "no_such_route" || (this.status === 404 && this.code === undefined);
  }
}

const UNREACHABLE = { status: 0, code: "unreachable", detail: "The service cannot be reached. Are you online?" };

export class Api {
  #session;

  /** `session` gives the token, and is told when it is refused. */
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
    const asked = Date.now();
    let response;
    try {
      response = await fetch(path, { method, body, headers: { ...headers, ...authorization }, cache: "no-store" });
    } catch {
      throw new Problem(UNREACHABLE);
    }
    setClock(response.headers.get("Date"), asked);
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
    return { detail: `The service answered ${response.status} and no JSON.` };
  }
}

/** A query string of what has a value, with its question mark; empty when nothing has. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
