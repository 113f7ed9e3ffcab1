//! A table of figures, beside the goals that were set for them.
//!
//! Goals are printed, never asserted: figures of a busy machine must not fail a build.

use std::fmt;

use crate::figure::Figure;

/// What a figure is to be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// Lines in the order in which they were added.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

enum Row {
    Heading(String),
    Figure {
        name: String,
        value: f64,
        unit: &'static str,
        goal: Option<Goal>,
    },
    Missing {
        name: String,
        why: String,
    },
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl Table {
    pub fn heading(&mut self, text: impl Into<String>) {
        self.rows.push(Row::Heading(text.into()));
    }

    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, None);
    }

    pub fn goal(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Goal) {
        self.add(name, value, unit, Some(goal));
    }

    /// Something that could not be measured, and why.
    pub fn missing(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.rows.push(Row::Missing {
            name: name.into(),
            why: why.into(),
        });
    }

    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Option<Goal>) {
        self.rows.push(Row::Figure {
            name: name.into(),
            value,
            unit,
            goal,
        });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            match row {
                Row::Heading(text) => writeln!(f, "\n{text}")?,
                Row::Missing { name, why } => writeln!(f, "  {name:<48}not measured: {why}")?,
                Row::Figure {
                    name,
                    value,
                    unit,
                    goal,
                } => {
                    let shown = Figure(Some(*value)).to_string();
                    let line = format!("  {name:<48}{shown:>10} {unit:<4}");
                    match goal {
                        None => writeln!(f, "{}", line.trim_end())?,
                        Some(goal) => writeln!(f, "{line}{goal:>16}  {}", mark(*goal, *value))?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn mark(goal: Goal, value: f64) -> &'static str {
    if goal.is_met(value) { "met" } else { "NOT met" }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::AtMost(most) => format!("at most {}", Figure(Some(*most))),
            Self::AtLeast(least) => format!("at least {}", Figure(Some(*least))),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whether_its_goal_is_met() {
        let mut table = Table::default();
        table.heading("costs");
        table.goal("fast", 1.9, "µs", Goal::AtMost(2.0));
        table.goal("slow", 2.1, "µs", Goal::AtMost(2.0));
        table.goal("many", 20_000.0, "", Goal::AtLeast(20_000.0));
        table.goal("few", 19_999.0, "", Goal::AtLeast(20_000.0));
        table.figure("plain", 7.0, "ms");
        table.missing("other", "there is no file");
        let text = table.to_string();
        let line = |name: &str| {
            let found = text.lines().find(|line| line.trim().starts_with(name));
            found.expect(name).to_owned()
        };
        assert!(line("fast").ends_with("at most 2.00  met"), "{text}");
        assert!(line("slow").ends_with("at most 2.00  NOT met"), "{text}");
        assert!(line("many").ends_with("at least 20,000  met"), "{text}");
        assert!(line("few").ends_with("NOT met"), "{text}");
        assert!(line("plain").ends_with("7.00 ms"), "{text}");
        assert!(
            line("other").ends_with("not measured: there is no file"),
            "{text}"
        );
    }
}
