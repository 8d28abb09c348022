// A mail server: nodemailer's smtp-server. It is told how to listen by its argument, prints `listening`, then for each step
// a line {"id", "step", ...}, and reads for each a line {"id", "reply", "drops"}: what to answer, and nothing is success.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { SMTPServer } from "smtp-server";

const { port, certificate, key, implicit, mechanisms } = JSON.parse(process.argv[2]);
const waiting = new Map();
let last = 0;

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, ...answer } = JSON.parse(line);
    waiting.get(id)(answer);
    waiting.delete(id);
  })
  .on("close", () => process.exit());

const server = new SMTPServer({
  secure: implicit,
  cert: readFileSync(certificate),
  key: readFileSync(key),
  authMethods: mechanisms,
  disableReverseLookup: true,
  onAuth({ method, username, password }, session, done) {
    session.mechanism = method;
    ask("auth", { user: username, password }, session, (refused) => done(refused, { user: username }));
  },
  onMailFrom(address, session, done) {
    ask("sender", {}, session, done);
  },
  onRcptTo({ address }, session, done) {
    ask("recipient", { to: address }, session, done);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      if (rcptTo.length !== 1) throw new Error(`${rcptTo.length} recipients`);
      const [source, { mechanism }] = [Buffer.concat(chunks).toString("base64"), session];
      ask("content", { from: mailFrom.address, to: rcptTo[0].address, source, mechanism }, session, done);
    });
  },
});

// Clients that hang up, or do not like the certificate, are no news here.
server.on("error", (error) => {
  if (error.syscall === "listen") throw error;
});
server.listen(port, "127.0.0.1", () => console.log("listening"));

function ask(step, asked, session, done) {
  const id = ++last;
  waiting.set(id, ({ reply, drops }) => {
    if (drops) {
      for (const connection of server.connections) if (connection.id === session.id) connection._socket.destroy();
    } else if (reply) {
      done(Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) }));
    } else {
      done();
    }
  });
  console.log(JSON.stringify({ id, step, ...asked }));
}
