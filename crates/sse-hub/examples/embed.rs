//! Publishes, subscribes and resumes inside one program: `cargo run -p sse-hub --example embed`.

use std::error::Error;
use std::sync::Arc;

use sse_core::{Event, Topic};
use sse_hub::{Delivery, DiskLog, Fanout, Hub, Policies, Seek, Selectors, Start, Subscription};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join("sse-hub-embed");
    let log = DiskLog::open(&folder, Policies::default())?;
    let hub = Hub::new(Arc::new(log), Policies::default());
    LocalSet::new().run_until(talk(hub)).await
}

async fn talk(hub: Hub) -> Result<(), Box<dyn Error>> {
    let fanout = Fanout::start(hub.clone(), CancellationToken::new());
    let orders = Selectors::exactly(Topic::new("orders")?);
    let mut live = fanout.subscribe(orders.clone(), Start::Now).await?;
    let first = hub.publish(Topic::new("orders")?, Event::new("two chairs")).await?;
    hub.publish(Topic::new("orders")?, Event::new("one table")).await?;
    show("live", &mut live).await;
    // Somebody who has seen the first comes back; somebody else wants all that is kept.
    show("resumed", &mut fanout.subscribe(orders.clone(), Start::After(first.to_string())).await?).await;
    show("from the start", &mut fanout.subscribe(orders, Start::Kept(Seek::Earliest)).await?).await;
    hub.close().await;
    Ok(())
}

async fn show(who: &str, subscription: &mut Subscription) {
    match subscription.next().await {
        Delivery::Frames(frames) => println!("{who}:\n{}", String::from_utf8_lossy(&frames)),
        other => println!("{who}: {other:?}"),
    }
}
