// Loaded before the clients: the names of services they can't be talked out of lead to TLS ends on this machine, every other
// address away from it is refused and remembered. What a client thinks of the names is left as it is.
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const tls = require("node:tls");
const path = require("node:path");

const HERE = new Set(["127.0.0.1", "::1", "localhost"]);
const ways = new Map();
const strayed = [];

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const list = Array.isArray(args[0]) ? args[0] : args;
  const plain = typeof list[0] === "object" && list[0] !== null;
  const asked = plain ? list[0] : { port: list[0], host: typeof list[1] === "string" ? list[1] : "localhost" };
  if (asked.path) return connect.apply(this, args);
  const host = asked.host || "localhost";
  const way = ways.get(`${host}:${asked.port}`);
  if (way !== undefined) {
    const there = { ...asked, host: "127.0.0.1", port: way };
    delete there.lookup;
    if (plain) list[0] = there;
    else list.splice(0, typeof list[1] === "string" ? 2 : 1, there);
    return connect.apply(this, args);
  }
  if (!HERE.has(host)) {
    strayed.push(`${host}:${asked.port}`);
    process.nextTick(() => this.destroy(new Error(`${host} is not on this machine`)));
    return this;
  }
  return connect.apply(this, args);
};

// `name:443` as the clients see it, a TLS end that hands everything on to a plain port.
exports.lead = (folder, name, port) =>
  new Promise((resolve, reject) => {
    const key = fs.readFileSync(path.join(folder, "key.pem"));
    const cert = fs.readFileSync(path.join(folder, "certificate.pem"));
    const server = tls.createServer({ key, cert }, socket => {
      const inner = net.connect(port, "127.0.0.1");
      for (const [from, to] of [[socket, inner], [inner, socket]]) {
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      ways.set(`${name}:443`, server.address().port);
      server.unref();
      resolve();
    });
  });

exports.strayed = strayed;
