// Entry of the SharedWorker: the reception of all tabs, each on a port of its own. Started by worker-host.js.

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
