// A client of Amazon Connect with the AWS SDK for JavaScript, version 3. README.md says what it reads and prints.
import { text } from "node:stream/consumers";
import * as sdk from "@aws-sdk/client-connect";

// Endpoint, Region and credentials are the SDK's to find; NODE_EXTRA_CA_CERTS is Node's.
const client = new sdk.ConnectClient({});

for (const call of JSON.parse(await text(process.stdin))) {
  const begun = performance.now();
  const result = await made(call);
  console.log(JSON.stringify({ ...result, seconds: (performance.now() - begun) / 1000 }));
}
client.destroy();
process.exit(); // a wait for another attempt that was given up holds the process otherwise

async function made({ operation, input, deadline }) {
  const command = new sdk[`${operation}Command`](input);
  try {
    const { $metadata, ...output } = await client.send(command, { abortSignal: AbortSignal.timeout(deadline * 1000) });
    return { ok: true, output, status: $metadata.httpStatusCode, attempts: $metadata.attempts };
  } catch (error) {
    const byService = error instanceof sdk.ConnectServiceException;
    return {
      ok: false,
      type: error.constructor.name,
      code: byService ? error.name : null,
      message: error.message,
      status: byService ? error.$metadata.httpStatusCode : null,
      attempts: error.$metadata?.attempts ?? 1,
    };
  }
}
