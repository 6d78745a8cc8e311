import { createServer, connect as dial } from "node:net";

/**
 * Hands connections of a unix socket on to a TCP address, until it is ended: `forward.ts SOCKET HOST PORT`. It stands in
 * the control plane's network namespace, and the socket's path is seen from all of them.
 */
const [socket = "", host = "", port = ""] = process.argv.slice(2);
createServer((from) => {
  const to = dial(Number(port), host);
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}).listen(socket);
