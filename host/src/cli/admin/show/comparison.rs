//! A comparison for people: how often both agreed, where not, how long they took.

use serde_json::Value;

use super::cell;

pub(super) fn comparison(answer: &Value) -> String {
    let version = |who: &str| cell(&answer[who]["version"]);
    let mut lines = vec![format!(
        "{}: candidate {} beside {} (generation {})",
        cell(&answer["plugin"]),
        version("candidate"),
        version("current"),
        cell(&answer["current"]["generation"]),
    )];
    lines.push(format!(
        "{} compared, {} the same, {} different",
        cell(&answer["compared"]),
        cell(&answer["same"]),
        cell(&answer["different"]),
    ));
    if answer["dropped"]
        .as_u64()
        .is_some_and(|dropped| dropped > 0)
    {
        let dropped = cell(&answer["dropped"]);
        lines.push(format!(
            "{dropped} were left out: the candidate is too slow"
        ));
    }
    if answer["cut"] == true {
        lines.push("stopped early: the time was up".to_owned());
    }
    let kinds = answer["kinds"].as_object().into_iter().flatten();
    lines.extend(kinds.map(|(kind, count)| format!("  {:>7}  {kind}", cell(count))));
    if let Some(hooks) = answer["hooks"].as_array().filter(|hooks| !hooks.is_empty()) {
        lines.push(format!(
            "{:<10} {:<10} {:>7} {:>12} {:>12} {:>12}",
            "HOOK", "WHO", "CALLS", "MEDIAN us", "P99 us", "MAX us"
        ));
        for hook in hooks {
            for who in ["current", "candidate"] {
                lines.extend(times(hook, who));
            }
        }
    }
    for difference in answer["differences"].as_array().into_iter().flatten() {
        lines.push(String::new());
        let what = ["message", "input"].map(|key| &difference[key]);
        let what = what.into_iter().find(|what| !what.is_null());
        lines.push(format!(
            "{}: {}",
            cell(&difference["kind"]),
            what.map(cell).unwrap_or_default()
        ));
        for who in ["current", "candidate"] {
            lines.push(format!("  {who:<10} {}", cell(&difference[who])));
        }
    }
    lines.join("\n")
}

fn times(hook: &Value, who: &str) -> Option<String> {
    let times = hook[who].as_object()?;
    let micros = |key: &str| times.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    Some(format!(
        "{:<10} {who:<10} {:>7} {:>12.1} {:>12.1} {:>12.1}",
        cell(&hook["hook"]),
        cell(&hook[who]["calls"]),
        micros("median_us"),
        micros("p99_us"),
        micros("max_us"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comparison_is_told_from_its_sum_to_its_details() {
        let answer = json!({
            "plugin": "chat", "candidate": {"version": "0.2.0"},
            "current": {"version": "0.1.0", "generation": 3},
            "compared": 3, "same": 2, "different": 1, "dropped": 0, "cut": false,
            "kinds": {"output": 1},
            "hooks": [{"hook": "prepare", "current":
                {"calls": 3, "median_us": 2.5, "p99_us": 4.0, "max_us": 4.0}}],
            "differences": [{"kind": "output", "message": {"body": "a"},
                "current": {"output": 1}, "candidate": {"output": 2}}],
        });
        assert_eq!(
            comparison(&answer),
            "chat: candidate 0.2.0 beside 0.1.0 (generation 3)\n\
             3 compared, 2 the same, 1 different\n        1  output\n\
             HOOK       WHO          CALLS    MEDIAN us       P99 us       MAX us\n\
             prepare    current          3          2.5          4.0          4.0\n\n\
             output: {\"body\":\"a\"}\n  current    {\"output\":1}\n  \
             candidate  {\"output\":2}"
        );
    }
}
