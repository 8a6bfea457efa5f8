// A service that accepts Roster's access tokens.
//
// GET /orders verifies the token with Roster's public keys, without a call to Roster. POST /orders lets Roster check it,
// so that a user who has signed out is refused at once.
//
//   npm install express jose
//   ROSTER_URL=https://api.example.com ROSTER_KEY=rsk_... PORT=8081 node orders.mjs
//
// ROSTER_KEY is the key of a service account with the scope tokens:introspect.

import express from "express";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const api = process.env.ROSTER_URL.replace(/\/$/, "");
const keys = createRemoteJWKSet(new URL(`${api}/.well-known/jwks.json`), { cacheMaxAge: 300_000 });
const rules = {
  algorithms: ["EdDSA"],
  typ: "at+jwt",
  issuer: "roster", // jwt_issuer
  audience: "roster-api", // jwt_audience
  clockTolerance: 60,
  requiredClaims: ["exp", "iat", "nbf", "sub", "sid"],
};
const refusals = new Set([
  errors.JOSEAlgNotAllowed, errors.JWKSNoMatchingKey, errors.JWSInvalid, errors.JWSSignatureVerificationFailed,
  errors.JWTClaimValidationFailed, errors.JWTExpired, errors.JWTInvalid,
]);

// Returns the id of the user whose session was alive when the token was issued, at most 15 minutes ago.
async function verified(token) {
  try {
    return (await jwtVerify(token, keys, rules)).payload.sub;
  } catch (error) {
    if (refusals.has(error.constructor)) return null;
    throw error;
  }
}

// Returns the id of the user, or of the service account, whose token is valid now.
async function introspected(token) {
  const response = await fetch(`${api}/api/v1/auth/introspect`, {
    method: "POST",
    headers: { authorization: `Bearer ${process.env.ROSTER_KEY}` },
    body: new URLSearchParams({ token }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`introspection: ${response.status}`);
  const state = await response.json();
  return state.active ? state.sub : null;
}

// Requires a token that `check` accepts: 401 without one, and 503 if it cannot be checked.
function caller(check) {
  return async (request, response, next) => {
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    try {
      request.user = scheme.toLowerCase() === "bearer" && token ? await check(token) : null;
    } catch (error) {
      console.error(error.message);
      return response.sendStatus(503);
    }
    if (request.user === null) return response.set("WWW-Authenticate", "Bearer").sendStatus(401);
    next();
  };
}

const app = express();
app.get("/orders", caller(verified), (request, response) => response.json({ user: request.user }));
app.post("/orders", caller(introspected), (request, response) => response.json({ user: request.user }));
const server = app.listen(process.env.PORT ?? 8081, "127.0.0.1", () => console.log(`port ${server.address().port}`));
