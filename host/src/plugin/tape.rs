//! What a call is given besides its input: the time, random numbers, and what the
//! server answered it.
//!
//! All of it goes through the tape of the call's instance, which notes it. A later call
//! with these notes as its script is given the same, so that a failure happens again.
//! Notes cost nothing to calls that ask for nothing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chacha20::ChaCha12Rng;
use parking_lot::Mutex;
use rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::surroundings::HostError;

mod notes;
mod wasi;

pub use notes::{Answer, Notes, Seed};

/// Where the time begins for a script that does not say: 2026-01-01T00:00:00Z, in
/// nanoseconds since 1970.
const BEGIN: u64 = 1_767_225_600_000_000_000;

/// What each reading of a clock adds where the script has no more readings.
const STEP: u64 = 1_000_000;

/// The tape of one instance. Clones, which the clocks and the random generators of its
/// WASI context are, write to the same one.
#[derive(Clone)]
pub struct Tape(Arc<Shared>);

struct Shared {
    /// Something was noted since the call began, or it has a script. Nearly always
    /// false, and then a call takes no lock.
    used: AtomicBool,
    /// When the instance was made; its monotonic clock begins there.
    made: Instant,
    reel: Mutex<Reel>,
}

#[derive(Default)]
struct Reel {
    script: Option<Script>,
    generator: Option<ChaCha12Rng>,
    notes: Notes,
}

/// Notes that are played.
struct Script {
    notes: Notes,
    wall: usize,
    monotonic: usize,
    answers: usize,
}

/// Which of the two clocks.
#[derive(Clone, Copy)]
enum Clock {
    Wall,
    Monotonic,
}

impl Tape {
    /// The tape of a new instance, whose making is the first that is noted.
    pub fn new(script: Option<Notes>) -> Self {
        let tape = Self(Arc::new(Shared {
            used: AtomicBool::new(false),
            made: Instant::now(),
            reel: Mutex::default(),
        }));
        tape.begin(script);
        tape
    }

    /// A call begins. Without a script it is given the real time and new random numbers.
    pub fn begin(&self, script: Option<Notes>) {
        let scripted = script.is_some();
        if self.0.used.swap(scripted, Ordering::Relaxed) || scripted {
            *self.0.reel.lock() = Reel {
                script: script.map(Script::new),
                ..Reel::default()
            };
        }
    }

    /// The notes are not all that the call is given.
    pub fn lacks_something(&self) {
        self.0.used.store(true, Ordering::Relaxed);
        self.0.reel.lock().notes.cut = true;
    }

    /// What was noted since the call began.
    pub fn take(&self) -> Notes {
        if !self.0.used.load(Ordering::Relaxed) {
            return Notes::default();
        }
        std::mem::take(&mut self.0.reel.lock().notes)
    }

    /// Answers a question to the server: from the script, or else by asking. `name` is
    /// the host function's, such as `rows.select`.
    pub async fn answered<T: Serialize + DeserializeOwned>(
        &self,
        name: &'static str,
        ask: impl Future<Output = Result<T, HostError>>,
    ) -> Result<T, HostError> {
        let answer = match self.scripted(name) {
            Some(answer) => answer,
            None => ask.await,
        };
        self.note(name, answer.as_ref());
        answer
    }

    /// The same for questions that are answered at once.
    pub fn answered_now<T: Serialize + DeserializeOwned>(
        &self,
        name: &'static str,
        ask: impl FnOnce() -> T,
    ) -> T {
        let answer = match self.scripted(name) {
            Some(Ok(answer)) => answer,
            _ => ask(),
        };
        self.note(name, Ok(&answer));
        answer
    }

    /// What the script has for the next question of this name; none without a script or
    /// after its end.
    pub fn scripted<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, HostError>> {
        if !self.0.used.load(Ordering::Relaxed) {
            return None;
        }
        let mut reel = self.0.reel.lock();
        let script = reel.script.as_mut()?;
        let rest = script.notes.answers.get(script.answers..)?;
        let found = rest.iter().position(|answer| answer.name == name)?;
        script.answers += found + 1;
        rest[found].read()
    }

    /// Notes an answer.
    pub fn note<T: Serialize>(&self, name: &'static str, answer: Result<&T, &HostError>) {
        self.0.used.store(true, Ordering::Relaxed);
        let mut reel = self.0.reel.lock();
        reel.notes.answer(name, answer);
    }

    /// A seed for the whole instance, as `wasi:random/insecure-seed` gives it: what
    /// hash maps are seeded with.
    fn insecure_seed(&self) -> u128 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.used.store(true, Ordering::Relaxed);
        let mut reel = self.0.reel.lock();
        let reel = &mut *reel;
        let generator = reel.generator.get_or_insert_with(|| {
            let scripted = reel.script.as_ref().map(|script| script.notes.seed);
            let seed = match scripted {
                Some(seed) => seed.unwrap_or_default(),
                None => Seed(rand::random()),
            };
            reel.notes.seed = Some(seed);
            ChaCha12Rng::from_seed(seed.0)
        });
        generator.fill_bytes(bytes);
    }

    /// Nanoseconds: since 1970, or since the instance was made.
    fn read(&self, clock: Clock) -> u64 {
        self.0.used.store(true, Ordering::Relaxed);
        let mut reel = self.0.reel.lock();
        let now = match &mut reel.script {
            Some(script) => script.read(clock),
            None => match clock {
                Clock::Wall => since_1970(),
                Clock::Monotonic => nanos(self.0.made.elapsed()),
            },
        };
        reel.notes.reading(clock, now);
        now
    }
}

impl Script {
    fn new(notes: Notes) -> Self {
        Self {
            notes,
            wall: 0,
            monotonic: 0,
            answers: 0,
        }
    }

    /// The next reading; after the last one the time goes on by steps.
    fn read(&mut self, clock: Clock) -> u64 {
        let (readings, at, begin) = match clock {
            Clock::Wall => (&self.notes.wall, &mut self.wall, BEGIN),
            Clock::Monotonic => (&self.notes.monotonic, &mut self.monotonic, 0),
        };
        let position = *at;
        *at += 1;
        if let Some(now) = readings.get(position) {
            return *now;
        }
        let (last, steps) = match readings.last() {
            Some(last) => (*last, position - readings.len() + 1),
            None => (begin, position),
        };
        last.saturating_add(STEP.saturating_mul(steps as u64))
    }
}

fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    nanos(since.unwrap_or_default())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers, a time and an answer, as a guest would ask for them.
    fn ask(tape: &Tape) -> (u64, u64, Vec<String>) {
        let mut random = [0; 8];
        tape.fill(&mut random);
        let members = tape.answered_now("groups.members", || vec!["real".to_owned()]);
        (u64::from_le_bytes(random), tape.read(Clock::Wall), members)
    }

    #[test]
    fn a_script_gives_what_was_noted() {
        let tape = Tape::new(None);
        let given = ask(&tape);
        let notes = tape.take();
        let played = Tape::new(Some(notes.clone()));
        assert_eq!(ask(&played), given);
        assert_eq!(played.take(), notes, "playing is noted, too");
        assert_eq!(ask(&played).2, ["real"], "after the script's end one asks");
        played.begin(None);
        assert_ne!(ask(&played).0, given.0, "the next call has no script");
    }

    #[test]
    fn without_readings_the_time_goes_on_by_steps() {
        let tape = Tape::new(Some(Notes::default()));
        let times = [(); 3].map(|()| tape.read(Clock::Wall));
        assert_eq!(times, [BEGIN, BEGIN + STEP, BEGIN + 2 * STEP]);
        let noted = Notes {
            wall: vec![7],
            ..Notes::default()
        };
        tape.begin(Some(noted));
        let times = [(); 3].map(|()| tape.read(Clock::Wall));
        assert_eq!(times, [7, 7 + STEP, 7 + 2 * STEP]);
    }

    #[test]
    fn a_call_that_asks_nothing_leaves_no_notes() {
        let tape = Tape::new(None);
        ask(&tape);
        tape.begin(None);
        assert_eq!(tape.take(), Notes::default());
    }
}
