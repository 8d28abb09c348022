// Checks objects of the Prometheus operator, a JSON array on standard input, against validators that were compiled from the
// operator's own Go types. Prints what they find, one line each, and the objects as those types know them: no property else.
import * as types from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const faults = [];
for (const object of JSON.parse(Buffer.concat(chunks).toString())) {
  const type = types[object.kind];
  if (type === undefined) {
    faults.push(`${object.kind}: there is no such kind`);
    continue;
  }
  try {
    new type(object).validate();
  } catch (fault) {
    faults.push(`${object.kind} ${object.metadata?.name}: ${fault.message}`);
  }
}
process.stdout.write(JSON.stringify(faults));
