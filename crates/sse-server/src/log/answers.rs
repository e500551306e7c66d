//! Answers on their way from the thread that writes to the threads that wait. Those of a group travel together, because
//! each message wakes its thread, and that costs more than all else about an answer.

use std::cell::RefCell;

use tokio::sync::{mpsc, oneshot};

use super::{AppendError, Appended};

thread_local! {
    static LETTERBOX: RefCell<Option<Letterbox>> = const { RefCell::new(None) };
}

/// What became of a batch.
pub(super) type Outcome = Result<Appended, AppendError>;

/// An outcome and who waits for it.
type Answer = (oneshot::Sender<Outcome>, Outcome);

/// Where a thread gets its answers. Holds no more of them than the thread has batches under way.
#[derive(Debug, Clone)]
struct Letterbox(mpsc::UnboundedSender<Vec<Answer>>);

/// Who waits for an outcome, and on which thread.
#[derive(Debug)]
pub(super) struct Reply {
    waiting: oneshot::Sender<Outcome>,
    letterbox: Option<Letterbox>,
}

/// Answers to be sent, by letterbox.
#[derive(Debug, Default)]
pub(super) struct Post(Vec<(Option<Letterbox>, Vec<Answer>)>);

/// Hands out the answers to batches that are appended on this thread from now on, for as long as it runs. A thread
/// without it gets each answer by itself.
pub(crate) async fn hand_out() {
    let (letterbox, mut letters) = mpsc::unbounded_channel();
    LETTERBOX.set(Some(Letterbox(letterbox)));
    while let Some(answers) = letters.recv().await {
        answers.into_iter().for_each(give);
    }
}

impl Reply {
    /// For a batch that is appended on this thread; and where its outcome comes.
    pub(super) fn to_this_thread() -> (Self, oneshot::Receiver<Outcome>) {
        let (waiting, outcome) = oneshot::channel();
        let letterbox = LETTERBOX.with_borrow(Option::clone);
        (Self { waiting, letterbox }, outcome)
    }

    /// Sends the outcome at once, by itself.
    pub(super) fn send(self, outcome: Outcome) {
        give((self.waiting, outcome));
    }
}

impl Post {
    /// Takes an outcome to be sent with the others.
    pub(super) fn add(&mut self, Reply { waiting, letterbox }: Reply, outcome: Outcome) {
        let answer = (waiting, outcome);
        match self.0.iter_mut().find(|(other, _)| is_same(other.as_ref(), letterbox.as_ref())) {
            Some((_, answers)) => answers.push(answer),
            None => self.0.push((letterbox, vec![answer])),
        }
    }

    /// Sends them all.
    pub(super) fn send(self) {
        for (letterbox, answers) in self.0 {
            let left = match letterbox {
                Some(Letterbox(sender)) => sender.send(answers).err().map(|unsent| unsent.0),
                None => Some(answers),
            };
            left.into_iter().flatten().for_each(give);
        }
    }
}

fn is_same(one: Option<&Letterbox>, other: Option<&Letterbox>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.0.same_channel(&other.0),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn give((waiting, outcome): Answer) {
    // Whoever asked may have gone.
    let _ = waiting.send(outcome);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(first: u64) -> Outcome {
        Ok(Appended { first, count: 1, repeated: false })
    }

    #[tokio::test]
    async fn each_gets_its_own_outcome_with_a_letterbox_and_without() {
        let without = Reply::to_this_thread();
        let handing_out = tokio::spawn(hand_out());
        tokio::task::yield_now().await;
        let with = [Reply::to_this_thread(), Reply::to_this_thread()];
        let mut post = Post::default();
        let mut outcomes = Vec::new();
        for (seq, (reply, outcome)) in (1..).zip([without].into_iter().chain(with)) {
            post.add(reply, appended(seq));
            outcomes.push(outcome);
        }
        assert_eq!(post.0.iter().map(|(_, answers)| answers.len()).collect::<Vec<_>>(), [1, 2]);
        post.send();
        for (seq, outcome) in (1..).zip(outcomes) {
            assert_eq!(outcome.await.unwrap(), appended(seq));
        }
        // Nobody hands out any more: the answer comes all the same.
        let (reply, outcome) = Reply::to_this_thread();
        handing_out.abort();
        assert!(handing_out.await.is_err());
        let mut post = Post::default();
        post.add(reply, appended(9));
        post.send();
        assert_eq!(outcome.await.unwrap(), appended(9));
    }
}
