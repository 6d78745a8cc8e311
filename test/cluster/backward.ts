import { createServer, connect as dial } from "node:net";

/**
 * Hands connections of a loopback port on to a unix socket, until it is ended: `backward.ts PORT SOCKET`. It stands in a
 * network namespace from which the socket's other side cannot be reached by address.
 */
const [port = "", socket = ""] = process.argv.slice(2);
createServer((from) => {
  const to = dial(socket);
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
