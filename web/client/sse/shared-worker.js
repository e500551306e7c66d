// Entry of the SharedWorker: the reception of all tabs, each on a port of its own. Started by worker-host.js.

// All that is needed further down, at once: else each file is asked for only when the one before it has come.
import "./connection.js";
import "./ids.js";
import "./line.js";
import "./parser.js";
import "./patience.js";
import "./poll.js";
import "./refusal.js";
import "./selectors.js";
import "./stream.js";
import "./subscriber.js";
import "./switchboard.js";
import "./tail.js";
import { holdLock, randomName } from "./liveness.js";
import { Reception } from "./reception.js";

const reception = new Reception();
// Tells the tabs when this worker is gone.
const lock = holdLock();

addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (!port) return;
  const tab = randomName();
  port.onmessage = ({ data }) => reception.receive(tab, data, (message) => port.postMessage(message));
  void lock.then(({ name }) => port.postMessage({ kind: "ready", lock: name }));
});
