//! Coming, staying and going, with a clock that the test moves.

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(45);

struct Clock {
    presence: Presence,
    now: Instant,
}

fn room() -> Room {
    Room::new("a").unwrap()
}

fn name(text: &str) -> Username {
    Username::new(text).unwrap()
}

fn client(text: &str) -> Client {
    Client::new(text).unwrap()
}

impl Clock {
    fn new() -> Self {
        Self { presence: Presence::new(GRACE, Limits::default()), now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn renew(&mut self, username: &str, from: &str) {
        let until = Some(self.now + LEASE);
        self.presence.renew(&room(), &name(username), client(from), until, self.now).unwrap();
    }

    fn leave(&mut self, username: &str, from: &str) {
        self.presence.leave(&room(), &name(username), &client(from), self.now);
    }

    /// What is announced now, as `+name` and `-name`.
    fn announced(&mut self) -> Vec<String> {
        let (due, _) = self.presence.due(self.now);
        due.iter().for_each(|announcement| self.presence.announced(announcement));
        let sign = |here| if here { '+' } else { '-' };
        let mut names: Vec<_> =
            due.iter().map(|a| format!("{}{}", sign(a.here), a.username.as_str())).collect();
        names.sort();
        names
    }

    fn here(&self) -> Vec<String> {
        let usernames = self.presence.usernames(&room(), self.now);
        usernames.iter().map(|username| username.as_str().to_owned()).collect()
    }

    /// Seconds until something can change by itself.
    fn next(&mut self) -> Option<u64> {
        let now = self.now;
        self.presence.due(now).1.map(|next| (next - now).as_secs())
    }
}

#[test]
fn the_first_lease_is_announced_and_the_end_of_the_last_after_the_grace_time() {
    let mut clock = Clock::new();
    clock.renew("ann", "1");
    clock.renew("ann", "2");
    assert_eq!(clock.announced(), ["+ann"]);
    clock.leave("ann", "1");
    clock.pass(10);
    assert_eq!(clock.announced(), [""; 0]);
    clock.leave("ann", "2");
    assert_eq!(clock.next(), Some(5));
    clock.pass(4);
    assert_eq!((clock.announced(), clock.here()), (vec![], vec!["ann".to_owned()]));
    clock.pass(1);
    assert_eq!((clock.announced(), clock.here()), (vec!["-ann".to_owned()], vec![]));
    assert!(clock.presence.rooms.is_empty());
    clock.renew("ann", "3");
    assert_eq!(clock.announced(), ["+ann"]);
}

#[test]
fn a_page_that_is_loaded_again_is_not_announced() {
    let mut clock = Clock::new();
    clock.renew("ann", "1");
    clock.announced();
    clock.leave("ann", "1");
    clock.pass(3);
    assert_eq!(clock.announced(), [""; 0]);
    clock.renew("ann", "2");
    clock.pass(30);
    assert_eq!(clock.announced(), [""; 0]);
    assert_eq!(clock.here(), ["ann"]);
}

#[test]
fn a_client_that_says_nothing_more_goes_when_its_lease_has_run_out() {
    let mut clock = Clock::new();
    clock.renew("ann", "1");
    clock.announced();
    clock.pass(40);
    clock.renew("ann", "1");
    clock.pass(40);
    assert_eq!(clock.announced(), [""; 0]);
    assert_eq!(clock.next(), Some(10));
    clock.pass(10);
    assert_eq!(clock.announced(), ["-ann"]);
    assert_eq!(clock.next(), None);
}

#[test]
fn a_stream_keeps_somebody_until_it_ends() {
    let mut clock = Clock::new();
    clock.presence.renew(&room(), &name("ann"), Client::stream(1), None, clock.now).unwrap();
    clock.announced();
    clock.pass(100_000);
    assert_eq!((clock.announced().len(), clock.next()), (0, None));
    clock.presence.leave(&room(), &name("ann"), &Client::stream(1), clock.now);
    clock.pass(5);
    assert_eq!(clock.announced(), ["-ann"]);
}

#[test]
fn restored_members_come_back_unannounced_or_go() {
    let mut clock = Clock::new();
    clock.presence.restore(&room(), vec![name("ann"), name("bob")], clock.now);
    assert_eq!(clock.here(), ["ann", "bob"]);
    clock.pass(20);
    clock.renew("ann", "1");
    assert_eq!(clock.announced(), [""; 0]);
    clock.pass(40);
    clock.renew("ann", "1");
    clock.pass(15);
    assert_eq!(clock.announced(), ["-bob"]);
    assert_eq!(clock.here(), ["ann"]);
}

#[test]
fn what_changes_while_it_is_being_published_is_announced_next() {
    let mut clock = Clock::new();
    clock.renew("ann", "1");
    clock.announced();
    clock.leave("ann", "1");
    clock.pass(6);
    let (due, _) = clock.presence.due(clock.now);
    clock.renew("ann", "2");
    clock.presence.announced(&due[0]);
    assert_eq!(clock.announced(), ["+ann"]);
}

#[test]
fn a_name_in_two_rooms_is_two_members() {
    let mut clock = Clock::new();
    let other = Room::new("b").unwrap();
    clock.renew("ann", "1");
    clock.presence.renew(&other, &name("ann"), client("1"), None, clock.now).unwrap();
    assert_eq!(clock.announced(), ["+ann", "+ann"]);
    clock.leave("ann", "1");
    clock.pass(5);
    assert_eq!(clock.announced(), ["-ann"]);
    assert_eq!(clock.presence.usernames(&other, clock.now), [name("ann")]);
}

#[test]
fn rooms_members_and_leases_are_bounded() {
    let mut clock = Clock::new();
    clock.presence.limits = Limits { people_per_room: 20, people: 60, ..Limits::default() };
    for n in 0..20 {
        clock.renew(&format!("n{n}"), "1");
    }
    let mut enter = |room: &str, who: &str, from: &str| {
        let room = Room::new(room).unwrap();
        clock.presence.renew(&room, &name(who), client(from), Some(clock.now + LEASE), clock.now)
    };
    let crowded = enter("a", "late", "1").unwrap_err().to_string();
    assert!(crowded.contains("the room has 20 people"), "{crowded}");
    for n in 0..1000 {
        enter("a", "n0", &format!("c{n}")).unwrap();
    }
    for nth in 1..3 {
        for n in 0..20 {
            enter(&format!("r{nth}"), &format!("n{n}"), "1").unwrap();
        }
    }
    assert!(enter("new", "late", "1").unwrap_err().to_string().contains("the chat has 60 people"));
    let leases = &clock.presence.rooms[&room()][&name("n0")].leases;
    assert_eq!(leases.len(), MAX_LEASES);
    assert!(leases.iter().any(|lease| lease.client == client("c999")), "the newest has a place");
}
