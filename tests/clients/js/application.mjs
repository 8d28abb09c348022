// An application that uses AWS and Amazon Connect side by side, with the AWS SDK for JavaScript, version 3. It reads calls, a
// line of JSON each, and answers each with a line. README.md says what stands in them.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import * as connect from "@aws-sdk/client-connect";
import * as s3 from "@aws-sdk/client-s3";

const clients = { connect: new connect.ConnectClient(identity()), s3: new s3.S3Client({}) };
const modules = { connect, s3 };

for await (const line of createInterface({ input: process.stdin })) {
  const { service, operation, input } = JSON.parse(line);
  console.log(JSON.stringify(await made(service, operation, input)));
}
process.exit();

// Endpoint, Region and credentials are the SDK's to find; but a client certificate has to be given to its HTTP client, and
// then nothing is signed.
function identity() {
  const { CLIENT_CERTIFICATE, CLIENT_KEY } = process.env;
  if (!CLIENT_CERTIFICATE) return {};
  return {
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
    signer: { sign: async (request) => request },
    requestHandler: { httpsAgent: { cert: readFileSync(CLIENT_CERTIFICATE), key: readFileSync(CLIENT_KEY) } },
  };
}

async function made(service, operation, input) {
  try {
    const { $metadata } = await clients[service].send(new modules[service][`${operation}Command`](input));
    return { ok: true, status: $metadata.httpStatusCode };
  } catch (error) {
    return { ok: false, code: error.name, message: error.message, status: error.$metadata?.httpStatusCode ?? null };
  }
}
