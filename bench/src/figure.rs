//! One figure, for people to read.

use std::fmt;

/// A figure with as many decimals as it deserves, or a dash.
pub struct Figure(pub Option<f64>);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("–"),
            Some(value) if value >= 1000.0 => f.write_str(&thousands(value.round() as u64)),
            Some(value) if value >= 100.0 => write!(f, "{value:.0}"),
            Some(value) if value >= 10.0 => write!(f, "{value:.1}"),
            Some(value) => write!(f, "{value:.2}"),
        }
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        let shown = |value| Figure(Some(value)).to_string();
        assert_eq!(shown(1_234_567.8), "1,234,568");
        assert_eq!(shown(999.4), "999");
        assert_eq!(shown(12.34), "12.3");
        assert_eq!(shown(1.234), "1.23");
        assert_eq!(Figure(None).to_string(), "–");
    }
}
