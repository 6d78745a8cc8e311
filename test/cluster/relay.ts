import { createServer, connect as dial } from "node:net";

/** Hands connections of a port of this network namespace's loopback on to a unix socket: `relay.ts PORT SOCKET`. */
const [port = "", socket = ""] = process.argv.slice(2);
createServer((from) => {
  const to = dial(socket);
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}).listen(Number(port), "127.0.0.1");
