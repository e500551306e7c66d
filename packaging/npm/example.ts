// Type-checked against the packed types by `cargo xtask dist`. Not in the package.
import { SseClient, type SseEvent } from "sse-hub-client";

const client = new SseClient("/events", { hub: "https://hub.example.com", topics: ["orders"], last: 10 });
client.on("order", (event: SseEvent) => console.log(event.topic satisfies string | null, event.data satisfies string));
client.addEventListener("statechange", () => console.log(client.state satisfies string, client.retryInMs));
client.open();
// @ts-expect-error: a number of events
new SseClient("/events", { last: "10" });
