/** The client against the app that ROSTER_URL names. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, test } from "node:test";

import { ProblemError, Roster, type Tokens, type User, unwrap } from "../src/index.js";

const baseUrl = process.env.ROSTER_URL ?? "";
const email = process.env.ROSTER_EMAIL ?? "";
const password = process.env.ROSTER_PASSWORD ?? "";
const prefix = randomUUID();
const roster = new Roster({ baseUrl });
let users: User[];

/** Returns the code of the problem that `promise` is rejected with. */
async function code(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof ProblemError, String(error));
    return error.code;
  }
  assert.fail("no problem");
}

function create(name: string): Promise<User> {
  const body = { email: `${name}@example.com`, full_name: "Ada Lovelace" };
  return unwrap(roster.api.POST("/api/v1/users", { body }));
}

before(async () => {
  await roster.login(email, password);
  users = await Promise.all([0, 1, 2, 3, 4].map((n) => create(`${prefix}-${n}`)));
});

test("a list yields the items of all pages", async () => {
  const found = [];
  for await (const user of roster.list("/api/v1/users", { q: prefix, sort: "email", limit: 2 })) {
    found.push(user.id);
  }
  assert.deepEqual(found.sort(), users.map((user) => user.id).sort());
});

test("a list is filtered by attributes", async () => {
  const body = { attributes: { team: prefix } };
  await unwrap(roster.api.PATCH("/api/v1/users/{id}", { params: { path: { id: users[0]!.id } }, body }));
  const query = { attributes: { "attributes.team": prefix } };
  const page = await unwrap(roster.api.GET("/api/v1/users", { params: { query } }));
  assert.deepEqual(page.items.map((user) => user.id), [users[0]!.id]);
  for await (const user of roster.list("/api/v1/users", query)) assert.equal(user.id, users[0]!.id);
});

test("a change is applied to the current version only", async () => {
  const path = { id: users[0]!.id };
  const { response } = await roster.api.GET("/api/v1/users/{id}", { params: { path } });
  const tag = response.headers.get("etag");
  assert(tag);
  const rename = (full_name: string) =>
    unwrap(
      roster.api.PATCH("/api/v1/users/{id}", {
        params: { path, header: { "If-Match": tag } },
        body: { full_name },
      }),
    );
  assert.equal((await rename("Grace Hopper")).full_name, "Grace Hopper");
  assert.equal(await code(rename("Edsger Dijkstra")), "precondition_failed");
});

test("problems have codes and name the invalid values", async () => {
  assert.equal(await code(create(`${prefix}-0`)), "email_taken");
  const body = { email: "no email", full_name: "" };
  const { error } = await roster.api.POST("/api/v1/users", { body });
  const pointers = error && "errors" in error ? error.errors?.map(({ pointer }) => pointer) : [];
  assert.deepEqual(pointers, ["#/email", "#/full_name"]);
  assert.equal(await code(new Roster({ baseUrl }).login("nobody@example.com", password)), "invalid_credentials");
});

test("an expired token is renewed once for all requests", async () => {
  const { data } = await roster.api.POST("/api/v1/auth/login", { body: { email, password } });
  assert(data);
  const kept: (Tokens | undefined)[] = [];
  const expired = new Roster({
    baseUrl,
    tokens: { access_token: "expired", refresh_token: data.refresh_token },
    onTokens: (tokens) => void kept.push(tokens),
  });
  const me = () => unwrap(expired.api.GET("/api/v1/users/me"));
  const callers = await Promise.all(Array.from({ length: 8 }, me));
  assert.deepEqual(new Set(callers.map((user) => user.email)), new Set([email]));
  assert.equal(kept.length, 1);
  const body = { full_name: "Ada King" };
  const path = { id: users[1]!.id };
  const changed = expired.api.PATCH("/api/v1/users/{id}", { params: { path }, body });
  assert.equal((await unwrap(changed)).full_name, "Ada King");

  await expired.logout();
  assert.equal(kept.at(-1), undefined);
  assert.equal(await code(me()), "unauthenticated");
});

test("a service account calls with its key", async () => {
  const account = await unwrap(
    roster.api.POST("/api/v1/service-accounts", {
      body: { name: `test-${prefix}`, scopes: ["users:read"] },
    }),
  );
  const params = { path: { id: account.id } };
  const created = roster.api.POST("/api/v1/service-accounts/{id}/keys", { params, body: {} });
  const service = new Roster({ baseUrl, apiKey: (await unwrap(created)).key });
  const found = [];
  for await (const user of service.list("/api/v1/users", { q: prefix, limit: 2 })) found.push(user.id);
  assert.equal(found.length, users.length);
  const body = { email: `${prefix}-9@example.com`, full_name: "Ada" };
  assert.equal(await code(unwrap(service.api.POST("/api/v1/users", { body }))), "insufficient_scope");
  const names = [];
  for await (const { name } of roster.list("/api/v1/service-accounts")) names.push(name);
  assert(names.includes(account.name));
});

test("an ended session is reported", async () => {
  const kept: (Tokens | undefined)[] = [];
  const tokens = { access_token: "expired", refresh_token: "ended" };
  const ended = new Roster({ baseUrl, tokens, onTokens: (pair) => void kept.push(pair) });
  assert.equal(await code(unwrap(ended.api.GET("/api/v1/users/me"))), "unauthenticated");
  assert.deepEqual(kept, [undefined]);
});
