// nginx in front of a server: own configuration, folder, port and process. Holds no assertion about a feature.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import path from "node:path";
import { scratchFolder, until } from "./harness.mjs";

/** Debian's place for it, which is not on everybody's path. */
const NGINX = process.env.NGINX_BIN || "/usr/sbin/nginx";

export class Proxy {
  #folder = scratchFolder();
  #upstream;
  #child;
  #log = "";
  port = 0;

  constructor(upstream) {
    this.#upstream = upstream;
  }

  /**
   * @param {string} upstream address of the server
   * @param {{buffering: boolean}} how with buffering, nothing small leaves it before the answer ends
   */
  static async start(upstream, how) {
    const proxy = new Proxy(upstream);
    proxy.port = await freePort();
    proxy.#configure(how);
    proxy.#child = spawn(NGINX, ["-c", proxy.#file, "-p", proxy.#folder, "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
    proxy.#child.stderr.on("data", (chunk) => (proxy.#log = (proxy.#log + chunk).slice(-4000)));
    await until(() => answers(proxy.port), () => `nginx does not listen\n${proxy.#log}`);
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** From now on so, for requests that come after. */
  reconfigure(how) {
    this.#configure(how);
    this.#child.kill("SIGHUP");
  }

  async stop() {
    // Connections that are open would keep an old worker for good: this is the quick end.
    assert.equal(this.#child.exitCode, null, `nginx had ended by itself\n${this.#log}`);
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }

  get #file() {
    return path.join(this.#folder, "nginx.conf");
  }

  #configure({ buffering }) {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${this.#folder}/${name};`);
    // A frequent mistake: what the server asks for is not heeded, and gzip waits for more. Without gzip nginx passes on what
    // it has whenever the server pauses, in spite of `proxy_buffering on`.
    const held = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_proxied any; gzip_types text/event-stream;";
    writeFileSync(
      this.#file,
      `daemon off; master_process on; worker_processes 1; pid ${this.#folder}/pid; ${process.getuid?.() === 0 ? "user root;" : ""}
      events { worker_connections 256; }
      http {
        access_log off; ${temporary.join(" ")}
        server {
          listen 127.0.0.1:${this.port};
          location / {
            proxy_pass ${this.#upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
            ${buffering ? held : "proxy_buffering off;"}
          }
        }
      }\n`,
    );
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function answers(port) {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}
