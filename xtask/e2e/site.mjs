// A site of its own beside the hub's: an empty page and a copy of the browser client, with or without TLS.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import path from "node:path";
import { repository, scratchFolder } from "./harness.mjs";

/** Files of a new certificate for these names, and its key. */
export function makeCertificate(names = "IP:127.0.0.1") {
  const [certificate, key] = ["cert.pem", "key.pem"].map((name) => path.join(scratchFolder(), name));
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test";
  const extensions = ["-addext", `subjectAltName=${names}`];
  execFileSync("openssl", [...request.split(" "), ...extensions, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  return { certificate, key };
}

/** Serves the site under this name, which the browser has to find on this machine. `tls` is what `makeCertificate` gives. */
export async function startSite(name, tls) {
  const answer = async ({ url }, response) => {
    const script = url.endsWith(".js") && (await readFile(path.join(repository, "web/client", url)));
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    response.end(script || "<!doctype html><title>site</title>");
  };
  const secure = tls && { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) };
  const server = secure ? https.createServer(secure, answer) : http.createServer(answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { url: `http${secure ? "s" : ""}://${name}:${server.address().port}`, stop: () => server.close() };
}
