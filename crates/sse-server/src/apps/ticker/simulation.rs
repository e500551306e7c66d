//! A made-up market: companies that do not exist, whose prices go at random. Has no clock; each step says how long to wait.

use std::time::Duration;

use fastrand::Rng;

use super::board::Source;
use super::market::{Market, MarketTick, Step};
use super::price::Price;
use super::symbol::Symbol;

/// Ticks of the time before the first subscriber came, so that there is something to draw at once: about 30 of each symbol. All
/// of them go to subscribers of every topic as well, so they are no more than that.
const OPENING: Duration = Duration::from_secs(120);

/// Seconds between two ticks of a symbol: at least, on average, at most. So that no two symbols go in step, and that
/// twelve of them leave a subscription to every topic readable: three a second together.
const LEAST_PAUSE: f64 = 2.0;
const MEAN_PAUSE: f64 = 4.0;
const MOST_PAUSE: f64 = 8.0;

/// Seconds of trading that go by in a second, so that one minute has something to show.
const SPEED: f64 = 30.0;
/// Seconds of trading in a year: 252 days of 6.5 hours.
const YEAR: f64 = 252.0 * 6.5 * 3600.0;
/// Seconds after which a price has come back most of the way to where it started. Without it, a server that runs for
/// a year would show prices of a cent and of a million.
const RETURN: f64 = 8.0 * 3600.0;

struct Company {
    symbol: &'static str,
    name: &'static str,
    /// Price at the start, in cents.
    start: f64,
    /// Standard deviation of a year's change of the logarithm of the price: 0.2 is calm, 0.9 is wild.
    volatility: f64,
}

const fn company(symbol: &'static str, name: &'static str, start: f64, volatility: f64) -> Company {
    Company { symbol, name, start, volatility }
}

const COMPANIES: [Company; 12] = [
    company("ACME", "Acme Anvils", 10_150.0, 0.32),
    company("CRUM", "Crumb & Daughters Bakeries", 2_340.0, 0.18),
    company("DRIZ", "Drizzle Umbrellas", 5_720.0, 0.26),
    company("FLUF", "Fluffington Pillows", 1_815.0, 0.22),
    company("GLIM", "Glimmer Lighthouses", 24_380.0, 0.35),
    company("KAZU", "Kazoo Philharmonic", 910.0, 0.85),
    company("MOZZ", "Mozzarella Logistics", 7_665.0, 0.24),
    company("NIMB", "Nimbus Kites", 3_390.0, 0.58),
    company("PUDL", "Puddle Boots", 4_525.0, 0.20),
    company("QUIL", "Quill & Inkwell Software", 41_260.0, 0.44),
    company("TOOT", "Tootle Trams", 1_275.0, 0.30),
    company("ZIGG", "Zigzag Ladders", 6_080.0, 0.70),
];

/// The market of all companies.
pub(super) fn market(seed: u64) -> Market {
    let symbols = COMPANIES.iter().map(|company| (company.symbol(), Some(company.name))).collect();
    Market { source: Source::Simulated, symbols, steps: Box::new(Simulation::new(seed)) }
}

impl Company {
    fn symbol(&self) -> Symbol {
        Symbol::new(self.symbol).expect("the symbols of the companies follow the grammar")
    }
}

/// Steps without end.
struct Simulation {
    rng: Rng,
    walks: Vec<Walk>,
    /// Time since the opening began.
    now: Duration,
    opened: bool,
}

/// The random walk of one company.
struct Walk {
    company: &'static Company,
    /// Logarithm of the price, less that of the price at the start.
    level: f64,
    /// Pause before the next tick, and when that is.
    pause: f64,
    due: Duration,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let walks = COMPANIES.iter().map(|company| Walk::new(company, &mut rng)).collect();
        Self { rng, walks, now: Duration::ZERO, opened: false }
    }

    fn next_due(&self) -> Duration {
        self.walks.iter().map(|walk| walk.due).min().unwrap_or(OPENING)
    }

    /// Moves on to the next tick.
    fn tick(&mut self) -> Option<MarketTick> {
        let walk = self.walks.iter_mut().min_by_key(|walk| walk.due)?;
        self.now = walk.due;
        Some(walk.tick(&mut self.rng))
    }

    fn opening(&mut self) -> Step {
        let mut ticks = Vec::new();
        while self.next_due() < OPENING
            && let Some(tick) = self.tick()
        {
            let age = OPENING.saturating_sub(self.now);
            ticks.push(MarketTick { age, ..tick });
        }
        self.now = OPENING;
        Step { wait: Duration::ZERO, ticks }
    }
}

impl Iterator for Simulation {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if !std::mem::replace(&mut self.opened, true) {
            return Some(self.opening());
        }
        let before = self.now;
        let tick = self.tick()?;
        Some(Step { wait: self.now.saturating_sub(before), ticks: vec![tick] })
    }
}

impl Walk {
    fn new(company: &'static Company, rng: &mut Rng) -> Self {
        let mut walk = Self { company, level: 0.0, pause: 0.0, due: Duration::ZERO };
        walk.wait(rng);
        walk
    }

    /// Geometric: a step of so many percent is as likely at any price.
    fn tick(&mut self, rng: &mut Rng) -> MarketTick {
        let step = self.company.volatility * (self.pause * SPEED / YEAR).sqrt();
        self.level = self.level * (-self.pause / RETURN).exp() + step * normal(rng);
        let price = Price::from_cents(self.company.start * self.level.exp());
        self.wait(rng);
        MarketTick { symbol: self.company.symbol(), price, age: Duration::ZERO, recorded: None }
    }

    fn wait(&mut self, rng: &mut Rng) {
        let exponential = -(1.0 - rng.f64()).ln();
        self.pause = (LEAST_PAUSE + (MEAN_PAUSE - LEAST_PAUSE) * exponential).min(MOST_PAUSE);
        self.due += Duration::from_secs_f64(self.pause);
    }
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(seed: u64, steps: usize) -> Vec<(Duration, String, String)> {
        let ticks = Simulation::new(seed).take(steps).flat_map(|step| {
            step.ticks
                .into_iter()
                .map(move |tick| (step.wait, tick.symbol.to_string(), tick.price.to_string()))
        });
        ticks.collect()
    }

    #[test]
    fn the_seed_decides_prices_and_times() {
        assert_eq!(walk(7, 500), walk(7, 500));
        assert_ne!(walk(7, 500), walk(8, 500));
    }

    #[test]
    fn opens_with_two_minutes_of_ticks_in_their_order() {
        let opening = Simulation::new(1).next().unwrap();
        assert!((300..500).contains(&opening.ticks.len()), "{}", opening.ticks.len());
        assert!(opening.ticks.is_sorted_by(|a, b| a.age >= b.age));
        assert!(opening.ticks.iter().all(|tick| tick.age <= OPENING));
        for company in &COMPANIES {
            assert!(opening.ticks.iter().any(|tick| tick.symbol == company.symbol()), "{}", company.symbol);
        }
    }

    #[test]
    fn each_symbol_ticks_about_every_four_seconds() {
        let steps: Vec<Step> = Simulation::new(2).skip(1).take(3_000).collect();
        let time: Duration = steps.iter().map(|step| step.wait).sum();
        assert!((900.0..1_100.0).contains(&time.as_secs_f64()), "{time:?}");
    }

    #[test]
    fn prices_move_as_much_as_their_volatility_says_and_stay_sane() {
        let mut changes = std::collections::HashMap::<String, Vec<f64>>::new();
        let mut last = std::collections::HashMap::<String, f64>::new();
        for (_, symbol, price) in walk(3, 60_000) {
            let price: f64 = price.parse().unwrap();
            assert!(price > 1.0 && price < 2_000.0, "{symbol} {price}");
            if let Some(before) = last.insert(symbol.clone(), price) {
                changes.entry(symbol).or_default().push((price / before).ln());
            }
        }
        for company in &COMPANIES {
            let changes = &changes[company.symbol];
            let deviation = (changes.iter().map(|c| c * c).sum::<f64>() / changes.len() as f64).sqrt();
            let expected = company.volatility * (MEAN_PAUSE * SPEED / YEAR).sqrt();
            assert!(
                (0.8..1.35).contains(&(deviation / expected)),
                "{}: {deviation} {expected}",
                company.symbol
            );
        }
    }
}
