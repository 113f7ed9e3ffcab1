use serde_json::{Map, Value, json};

use super::*;
use crate::alert::Occasion;

/// 2026-11-20 06:56:23.625405 UTC.
const TIME: i64 = 1_795_157_783_625_405;

fn names(message: Value) -> minijinja::Value {
    let message: Map<String, Value> = serde_json::from_value(message).expect("an object");
    let occasion = Occasion {
        endpoint: "chat".into(),
        method: "POST".into(),
        message,
        row: json!({"body": "stored"}),
        old: Value::Null,
        sender: json!({"id": "ada", "role": "admin"}),
        session: Value::Null,
        args: json!({"topic": ["Help"]}),
        time: TIME,
    };
    occasion.names()
}

fn template(source: &str, html: bool) -> Template {
    Template {
        place: "here".into(),
        source: source.into(),
        html,
    }
}

#[track_caller]
fn text(source: &str, message: Value) -> String {
    let template = template(source, false);
    template.check().expect("a good template");
    template.render(&names(message)).expect(source)
}

#[track_caller]
fn wrong(source: &str) -> Problem {
    let template = template(source, false);
    let checked = template
        .check()
        .and_then(|()| template.render(&names(json!({}))));
    checked.expect_err(source)
}

#[test]
fn a_template_sees_the_message_and_what_is_around_it() {
    let message = json!({"body": "hi", "user": "ada", "endpoint": "fake", "n": 1.5});
    let source = "{{ body }} {{ user }} {{ endpoint }} {{ msg.endpoint }} {{ n }} {{ row.body }} \
                  {{ sender.role }} {{ args.topic[0] }} {{ method }}";
    assert_eq!(
        text(source, message),
        "hi ada chat fake 1.5 stored admin Help POST"
    );
}

#[test]
fn dates_are_written_as_asked_for() {
    let message = json!({
        "timestamp": "2026-11-20T06:56:23.625405", "day": "2026-01-02",
        "zoned": "2026-01-02 03:04:05+01:00", "seconds": 0,
    });
    for (source, expected) in [
        ("{{ now() }}", "2026-11-20 06:56:23"),
        (
            "{{ now().strftime('%d %b %Y %H:%M') }}",
            "20 Nov 2026 06:56",
        ),
        ("{{ now().year }}-{{ now().month }}", "2026-11"),
        ("{{ now().isoformat() }}", "2026-11-20T06:56:23"),
        ("{{ timestamp | strftime('%Y/%m/%d') }}", "2026/11/20"),
        ("{{ timestamp | datetime }}", "2026-11-20 06:56:23"),
        (
            "{{ timestamp | date }} {{ timestamp | time }}",
            "2026-11-20 06:56",
        ),
        ("{{ day | strftime('%A, %d. %B') }}", "Friday, 02. January"),
        ("{{ zoned | strftime('%H:%M') }}", "03:04"),
        ("{{ seconds | date }}", "1970-01-01"),
    ] {
        assert_eq!(text(source, message.clone()), expected, "{source}");
    }
    for source in [
        "{{ 'soon' | date }}",
        "{{ now().strftime('%Q') }}",
        "{{ none | date }}",
    ] {
        wrong(source);
    }
}

#[test]
fn pythons_ways_to_the_time_are_understood() {
    for source in [
        "{% import pandas as pd %}{% import time %}{{ pd.to_datetime(time.time() * 1E9).strftime('%d %b %Y') }}",
        "{%- import datetime -%}{{ datetime.datetime.now().strftime('%d %b %Y') }}",
        "{% import pandas %}{{ pandas.Timestamp.now().strftime('%d %b %Y') }}",
    ] {
        assert_eq!(text(source, json!({})), "20 Nov 2026", "{source}");
    }
    let problem = wrong("a\n{% import os %}");
    assert_eq!(problem.line, Some(2));
    assert!(problem.message.contains("can't import `os`"), "{problem}");
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let message = json!({"body": "<b>\"&'</b>"});
    assert_eq!(text("{{ body }}", message.clone()), "<b>\"&'</b>");
    let html = template("<p>{{ body }}</p>", true);
    let html = html.render(&names(message)).expect("HTML");
    assert_eq!(html, "<p>&lt;b&gt;&quot;&amp;&#x27;&lt;&#x2f;b&gt;</p>");
}

#[test]
fn mistakes_are_found_before_there_is_a_message() {
    for (source, line, says) in [
        ("a\n{{ body", Some(2), ""),
        ("{% if body %}", Some(1), ""),
        (
            "\n\n{% if false %}{{ body | shout }}{% endif %}",
            Some(3),
            "no filter `shout`",
        ),
        (
            "{% if body is loud %}x{% endif %}",
            Some(1),
            "no test `loud`",
        ),
        (
            "{% if body is not loud %}x{% endif %}",
            Some(1),
            "no test `loud`",
        ),
    ] {
        let problem = template(source, false).check().expect_err(source);
        assert_eq!(problem.line, line, "{problem}");
        assert!(problem.message.contains(says), "{problem}");
    }
    for source in [
        "{{ body | default('') }}",
        "{{ a is defined }}",
        "{{ a | upper | replace('A', 'b') }}",
    ] {
        assert_eq!(template(source, false).check(), Ok(()), "{source}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let problem = wrong("one\ntwo {{ topic }}");
    assert_eq!(problem.line, Some(2));
    assert!(problem.message.contains("default(\"\")"), "{problem}");
    assert_eq!(
        text(
            "{% if topic %}x{% endif %}{{ topic | default('none') }}",
            json!({})
        ),
        "none"
    );
}

#[test]
fn a_template_ends_and_its_output_has_a_limit() {
    let endless = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    assert!(
        wrong(endless).message.contains("steps"),
        "{}",
        wrong(endless)
    );
    let large = template("{% for a in range(9000) %}{{ body }}{% endfor %}", false);
    let problem = large.render(&names(json!({"body": "x".repeat(1_000)})));
    let problem = problem.expect_err("9 MB");
    assert!(problem.message.contains("bytes"), "{problem}");
    wrong("{% include 'secret' %}");
}
