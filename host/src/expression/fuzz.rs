//! Whatever somebody writes or sends: an answer, and no panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Expression, NAMES, Scope};

/// Words of the language, right and wrong.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "msg",
        "row",
        "user",
        "now",
        "args",
        "x",
        "y",
        "true",
        "false",
        "null",
        "in",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "1u",
        "1.5e308",
        "0x10",
        "'a'",
        "\"ä\"",
        "b'\\xff'",
        "r'\\d'",
        "'''\n'''",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        ".",
        ".?",
        "[?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "size",
        "int",
        "string",
        "timestamp",
        "duration",
        "matches",
        "contains",
        "has",
        "all",
        "exists",
        "exists_one",
        "map",
        "filter",
        "optional.of",
        "orValue",
        "type",
        "dyn",
        ".map(x, ",
        ".all(x, ",
        "msg.list",
        "msg.text",
        "user.id",
        "`",
        "$",
        "//",
        "\\",
        "\u{0}",
        "\u{1F600}",
        " ",
        "\n",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

/// Expressions that are right more often.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "msg",
        "msg.list",
        "msg.text",
        "msg.n",
        "msg.deep.a",
        "user.id",
        "now",
        "x",
        "1",
        "-9223372036854775808",
        "2u",
        "0.0",
        "'a'",
        "'2026-01-01T00:00:00Z'",
        "'1h'",
        "null",
        "true",
        "[]",
        "{}",
        "duration('1s')",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (
                two.clone(),
                prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "<", "in", "&&", "||"])
            )
                .prop_map(|((a, b), operator)| format!("({a} {operator} {b})")),
            (
                inner.clone(),
                prop::sample::select(vec![
                    "size",
                    "int",
                    "uint",
                    "double",
                    "string",
                    "bytes",
                    "bool",
                    "timestamp",
                    "duration",
                    "type",
                    "dyn",
                    "optional.of"
                ])
            )
                .prop_map(|(a, function)| format!("{function}({a})")),
            (
                two.clone(),
                prop::sample::select(vec!["contains", "startsWith", "endsWith", "orValue", "or"])
            )
                .prop_map(|((a, b), method)| format!("{a}.{method}({b})")),
            (
                two.clone(),
                prop::sample::select(vec!["map", "filter", "all", "exists", "exists_one"])
            )
                .prop_map(|((a, b), name)| format!("{a}.{name}(x, {b})")),
            two.clone().prop_map(|(a, b)| format!("{a}[{b}]")),
            two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            two.clone().prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            (two, inner).prop_map(|((a, b), c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Everything that can be asked of a text; the library's panics are told from its errors.
fn answer(text: &str, scope: &Scope<'_>) -> Result<Value, String> {
    let expression = Expression::compile(text).map_err(|problem| problem.message)?;
    expression
        .evaluate(scope)
        .map_err(|problem| problem.message)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn any_words_have_an_answer(text in words()) {
        let scope = Scope::new().with("msg", json!({"list": [1, "a"], "text": "x"})).at(0);
        let _ = answer(&text, &scope);
    }

    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,40}") {
        let _ = answer(&text, &Scope::new());
    }

    #[test]
    fn any_expression_has_the_same_answer_twice(text in expressions(), list in values(), deep in values(), micros: u64) {
        let scope = Scope::new()
            .with("msg", json!({"list": list, "text": "Grüße", "n": 3, "deep": {"a": deep}}))
            .with("user", json!({"id": "alice"}))
            .at(micros);
        let once = answer(&text, &scope);
        prop_assert_eq!(&once, &answer(&text, &scope), "{}", text);
        if let Err(problem) = &once {
            prop_assert!(!problem.contains("can't be handled"), "{} panics", text);
        }
    }

    /// What goes in comes out as it was: numbers with their digits, keys with their values.
    #[test]
    fn values_pass_unharmed(value in values()) {
        let scope = Scope::new().with("msg", value.clone());
        let passed = answer("msg", &scope);
        prop_assert_eq!(passed, Ok(value));
    }
}

#[test]
fn every_name_alone_has_an_answer() {
    for name in NAMES {
        assert!(
            answer(name, &Scope::new()).is_err(),
            "{name} is not in the scope"
        );
    }
}
