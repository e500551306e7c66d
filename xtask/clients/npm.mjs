// Prints what a client from npm receives, one event a line. Arguments: the package's folder in node_modules, the URL.

const [name, url] = process.argv.slice(2);
const library = await import(name);
const onMessage = ({ data }) => console.log(`received(${data})`);
if (library.createEventSource) {
  library.createEventSource({ url, onMessage });
} else {
  const EventSource = library.EventSource ?? library.default.EventSource;
  // Without a listener, launchdarkly-eventsource throws its errors.
  Object.assign(new EventSource(url), { onmessage: onMessage, onerror: () => {} });
}
// While eventsource 5 waits to reconnect, nothing of its own keeps the process alive.
setInterval(() => {}, 60_000);
