// An issuer of web identities: oidc-provider. It is told how to listen by its argument, prints `listening`, and gives its one
// client tokens (client credentials, JWT). It reads `rotate` and `forget`, a line each, and prints `done` for each.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const { port, certificate, key, issuer, subject, secret, audience, lifetime } = JSON.parse(process.argv[2]);
let keys = [newKey()];
let provider = newProvider();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    keys = line === "rotate" ? [newKey(), ...keys] : keys.slice(0, 1);
    provider = newProvider();
    console.log("done");
  })
  .on("close", () => process.exit());

https
  .createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (...both) => provider.callback()(...both))
  .listen(port, "127.0.0.1", () => console.log("listening"));

// The first key signs.
function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256", use: "sig" };
}

function newProvider() {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: subject,
        client_secret: secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    ttl: { ClientCredentials: lifetime },
    extraTokenClaims: () => ({ preferred_username: "marym" }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: (_context, resource) => ({
          scope: "",
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: lifetime,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}
