/** Problem documents (RFC 9457) as errors. */

import type { components } from "./schema.js";

type Problem = components["schemas"]["Problem"];

/** A response outside of 2xx. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  /** Stable name of the problem, such as `email_taken`; undefined if a proxy made the response. */
  readonly code: string | undefined;
  /** Problem document; undefined if a proxy made the response. */
  readonly problem: Problem | undefined;
  /** Seconds after which the request may succeed (429, 503). */
  readonly retryAfter: number | undefined;

  constructor(body: unknown, response: Response) {
    const problem = isProblem(body) ? body : undefined;
    super(problem ? `${problem.detail} (${problem.code}, request ${problem.request_id})` : `HTTP ${response.status}`);
    this.status = response.status;
    this.code = problem?.code;
    this.problem = problem;
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    this.retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  }

  /** Reads the body of a response. */
  static async of(response: Response): Promise<ProblemError> {
    const body: unknown = await response.json().catch(() => undefined);
    return new ProblemError(body, response);
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "request_id" in body;
}

/**
 * Returns the data of an operation's result, or throws a {@link ProblemError}:
 * `const me = await unwrap(roster.api.GET("/api/v1/users/me"))`.
 */
export async function unwrap<T extends { data?: unknown; error?: unknown; response: Response }>(
  result: Promise<T>,
): Promise<Exclude<T["data"], undefined>> {
  const { data, error, response } = await result;
  if (!response.ok) throw new ProblemError(error, response);
  return data as Exclude<T["data"], undefined>;
}
