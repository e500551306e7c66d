// Entry point of the SharedWorker: serves all tabs, each on its own port. Started by worker-host.js.

// Requests every module at once; otherwise each is requested only when the one that imports it has arrived.
import "./backoff.js";
import "./connection.js";
import "./connection-pool.js";
import "./ends.js";
import "./ids.js";
import "./parser.js";
import "./poll.js";
import "./reader.js";
import "./record.js";
import "./refusal.js";
import "./selectors.js";
import "./shared-connection.js";
import "./stream.js";
import "./subscriber.js";
import "./tail.js";
import "./timeouts.js";
import { holdLock, randomName } from "./liveness.js";
import { TabRegistry } from "./tab-registry.js";

const registry = new TabRegistry();
// Released when this worker is gone, which the tabs notice.
const lock = holdLock();

addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (!port) return;
  const tab = randomName();
  port.onmessage = ({ data }) => registry.receive(tab, data, (message) => port.postMessage(message));
  void lock.then(({ name }) => port.postMessage({ kind: "ready", lock: name }));
});
