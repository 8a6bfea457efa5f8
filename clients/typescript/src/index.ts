/**
 * Client of the Roster API: typed operations, an access token that renews itself or an API key, and lists over all pages.
 */

import createClient, { type Client, createQuerySerializer } from "openapi-fetch";

import { ProblemError } from "./problem.js";
import type { components, paths } from "./schema.js";

export { ProblemError, unwrap } from "./problem.js";
export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Problem = Schemas["Problem"];
/** Tokens of a session. */
export type Tokens = Pick<Schemas["Tokens"], "access_token" | "refresh_token">;

/** Paths of the lists. */
export type ListPath =
  | "/api/v1/users"
  | "/api/v1/audit"
  | "/api/v1/auth/sessions"
  | "/api/v1/service-accounts";
/** Filters and order of a list, and `limit`, the number of items per request. */
export type ListQuery<P extends ListPath> = Omit<
  NonNullable<paths[P]["get"]["parameters"]["query"]>,
  "cursor"
>;
type Page<P extends ListPath> = paths[P]["get"]["responses"][200]["content"]["application/json"];
export type ListItem<P extends ListPath> = Page<P>["items"][number];

/** The members of `attributes` are parameters of their own. */
const QUERY = { object: { style: "form", explode: true } } as const;
const serializeQuery = createQuerySerializer(QUERY);

export interface Options {
  /** Address of the server, such as `https://api.example.com`. */
  baseUrl: string;
  /** Key of a service account, sent instead of an access token. */
  apiKey?: string;
  /** Tokens of an earlier session. */
  tokens?: Tokens;
  /**
   * Receives each new pair of tokens as soon as there is one, and `undefined` when the session has ended. Store the pair:
   * a refresh token works once.
   */
  onTokens?: (tokens: Tokens | undefined) => void | Promise<void>;
  /** Replaces the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

export class Roster {
  /**
   * The operations: `roster.api.GET("/api/v1/users/me")`. Each returns `data` or `error`, and the `response`;
   * {@link unwrap} throws the error instead.
   */
  readonly api: Client<paths>;
  readonly #anonymous: Client<paths>;
  readonly #baseUrl: string;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #onTokens: NonNullable<Options["onTokens"]>;
  readonly #apiKey: string | undefined;
  #tokens: Tokens | undefined;
  #refreshing: Promise<string | undefined> | undefined;

  constructor(options: Options) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((request) => fetch(request));
    this.#onTokens = options.onTokens ?? (() => {});
    this.#apiKey = options.apiKey;
    this.#tokens = options.tokens;
    const baseUrl = this.#baseUrl;
    this.#anonymous = createClient<paths>({ baseUrl, fetch: this.#fetch });
    this.api = createClient<paths>({
      baseUrl,
      fetch: (request) => this.#send(request),
      querySerializer: QUERY,
    });
  }

  /** Signs in and keeps the tokens. Throws a {@link ProblemError}, `invalid_credentials` among others. */
  async login(email: string, password: string): Promise<void> {
    const body = { email, password };
    const { data, error, response } = await this.#anonymous.POST("/api/v1/auth/login", { body });
    if (!data) throw new ProblemError(error, response);
    await this.#keep(data);
  }

  /** Ends the session. */
  async logout(): Promise<void> {
    const { error, response } = await this.api.POST("/api/v1/auth/logout");
    if (!response.ok && response.status !== 401) throw new ProblemError(error, response);
    await this.#keep(undefined);
  }

  /** Yields the items of all pages of a list. Throws a {@link ProblemError}. */
  async *list<P extends ListPath>(path: P, query?: ListQuery<P>): AsyncGenerator<ListItem<P>> {
    let cursor: string | null | undefined;
    do {
      const parameters = serializeQuery({ ...query, cursor });
      const response = await this.#send(new Request(`${this.#baseUrl}${path}?${parameters}`));
      if (!response.ok) throw await ProblemError.of(response);
      const page = (await response.json()) as Page<P>;
      yield* page.items as ListItem<P>[];
      cursor = page.next;
    } while (cursor);
  }

  /** Sends a request with the API key or the access token. If the token has expired, renews it and sends the request once more. */
  async #send(request: Request): Promise<Response> {
    if (request.headers.has("authorization")) return this.#fetch(request);
    if (this.#apiKey !== undefined) return this.#fetch(withToken(request, this.#apiKey));
    const token = this.#tokens?.access_token;
    if (token === undefined) return this.#fetch(request);
    const again = request.clone();
    const response = await this.#fetch(withToken(request, token));
    if (response.status !== 401 || !(await isUnauthenticated(response))) return response;
    const renewed = await this.#renew(token);
    return renewed === undefined ? response : this.#fetch(withToken(again, renewed));
  }

  /** Returns an access token other than `expired`, or `undefined` if the session has ended. */
  async #renew(expired: string): Promise<string | undefined> {
    const current = this.#tokens?.access_token;
    if (current !== expired) return current;
    // One refresh at a time: the second use of a refresh token ends the session.
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<string | undefined> {
    const body = { refresh_token: this.#tokens?.refresh_token ?? "" };
    const { data, error, response } = await this.#anonymous.POST("/api/v1/auth/refresh", { body });
    if (!data && response.status !== 401) throw new ProblemError(error, response);
    await this.#keep(data);
    return data?.access_token;
  }

  async #keep(tokens: Tokens | undefined): Promise<void> {
    this.#tokens = tokens;
    await this.#onTokens(tokens);
  }
}

function withToken(request: Request, token: string): Request {
  const signed = new Request(request);
  signed.headers.set("authorization", `Bearer ${token}`);
  return signed;
}

/** Returns true if the token was rejected, and not a password in the request. */
async function isUnauthenticated(response: Response): Promise<boolean> {
  return (await ProblemError.of(response.clone())).code === "unauthenticated";
}
