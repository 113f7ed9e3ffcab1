//! The figures of a run: one series per server and figure, one value per round.

use serde::Serialize;

#[derive(Clone, PartialEq, Serialize)]
pub struct Key {
    /// The measure and its case, as in `sustained, 100 subscribers`.
    pub group: String,
    pub name: String,
    pub unit: &'static str,
}

#[derive(Serialize)]
pub struct Series {
    #[serde(flatten)]
    pub key: Key,
    pub subject: &'static str,
    pub median: f64,
    pub rounds: Vec<f64>,
}

#[derive(Default, Serialize)]
pub struct Figures {
    pub series: Vec<Series>,
}

impl Figures {
    pub fn add(
        &mut self,
        subject: &'static str,
        group: impl Into<String>,
        name: impl Into<String>,
        unit: &'static str,
        value: f64,
    ) {
        let key = Key {
            group: group.into(),
            name: name.into(),
            unit,
        };
        let known = self
            .series
            .iter()
            .position(|s| s.subject == subject && s.key == key);
        let index = known.unwrap_or_else(|| {
            self.series.push(Series {
                key,
                subject,
                median: 0.0,
                rounds: Vec::new(),
            });
            self.series.len() - 1
        });
        let series = &mut self.series[index];
        series.rounds.push(value);
        series.median = median(series.rounds.iter().copied());
    }

    pub fn median(&self, subject: &str, group: &str, name: &str) -> Option<f64> {
        self.series
            .iter()
            .find(|s| s.subject == subject && s.key.group == group && s.key.name == name)
            .map(|series| series.median)
    }

    /// The keys in the order in which they first came.
    pub fn keys(&self) -> Vec<&Key> {
        let mut keys: Vec<&Key> = Vec::new();
        for series in &self.series {
            if !keys.contains(&&series.key) {
                keys.push(&series.key);
            }
        }
        keys
    }
}

/// The middle value; of two middle ones the mean. NaN for none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_a_value_per_round_and_their_median() {
        let mut figures = Figures::default();
        for value in [3.0, 1.0, 2.0, 10.0] {
            figures.add("axum", "cpu", "time", "us", value);
        }
        figures.add("hookcast", "cpu", "time", "us", 7.0);
        assert_eq!(figures.median("axum", "cpu", "time"), Some(2.5));
        assert_eq!(figures.median("hookcast", "cpu", "time"), Some(7.0));
        assert_eq!(figures.median("floor", "cpu", "time"), None);
        assert_eq!(figures.keys().len(), 1);
    }
}
