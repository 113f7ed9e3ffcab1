//! What a command ran, what failed, and what it skipped: the last thing it prints.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::workspace;

#[derive(Default)]
pub struct Summary {
    steps: Vec<(String, Outcome)>,
}

enum Outcome {
    Passed(Duration),
    Failed(String),
    /// Something is missing that this machine could have.
    Skipped(String),
    /// Something is missing that is out of reach; no failure even in CI.
    Unavailable(String),
}

impl Summary {
    /// Runs a step and tells whether it passed.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let outcome = match step() {
            Ok(()) => Outcome::Passed(start.elapsed()),
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        let passed = matches!(outcome, Outcome::Passed(_));
        self.steps.push((name.to_owned(), outcome));
        passed
    }

    /// Notes what could not run because something is missing on this machine.
    pub fn skip(&mut self, name: &str, why: &str) {
        eprintln!("\n=== {name}\nSKIPPED: {why}");
        self.steps
            .push((name.to_owned(), Outcome::Skipped(why.to_owned())));
    }

    /// Notes what could not run because something elsewhere does not answer.
    pub fn unavailable(&mut self, name: &str, why: &str) {
        eprintln!("\n=== {name}\nSKIPPED: {why}");
        self.steps
            .push((name.to_owned(), Outcome::Unavailable(why.to_owned())));
    }

    /// Prints the summary. In CI a skipped step fails as well.
    pub fn finish(self) -> ExitCode {
        eprintln!("\n=== summary");
        for (name, outcome) in &self.steps {
            eprintln!("{outcome} {name}{}", outcome.details());
        }
        let mut outcomes = self.steps.iter().map(|(_, outcome)| outcome);
        let failed = outcomes.any(|outcome| match outcome {
            Outcome::Passed(_) | Outcome::Unavailable(_) => false,
            Outcome::Failed(_) => true,
            Outcome::Skipped(_) => workspace::is_ci(),
        });
        if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl Outcome {
    fn details(&self) -> String {
        match self {
            Self::Passed(took) => format!(" ({:.0} s)", took.as_secs_f64()),
            Self::Skipped(why) if workspace::is_ci() => {
                format!(": {why} (with CI=true that is a failure)")
            }
            Self::Failed(why) | Self::Skipped(why) | Self::Unavailable(why) => {
                format!(": {why}")
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed(_) => "passed ",
            Self::Failed(_) => "FAILED ",
            Self::Skipped(_) | Self::Unavailable(_) => "SKIPPED",
        })
    }
}
