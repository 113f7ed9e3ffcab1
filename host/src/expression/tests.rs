//! What expressions can do, and what is said when they can't.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::check::FUNCTIONS;
use super::{Expression, NAMES, Problem, Scope, bounds};

fn scope() -> Scope<'static> {
    let claims = json!({"id": "alice", "role": "admin", "teams": ["a", "b"]});
    Scope::new()
        .with(
            "msg",
            json!({"body": "Grüße", "n": 5, "big": u64::MAX, "ratio": 0.5, "none": null}),
        )
        .with(
            "row",
            json!({"user": "alice", "timestamp": "2026-11-20T12:00:00.000000"}),
        )
        .with("user", claims)
        .with("session", Value::Null)
        .later("args", || json!({"room": ["1", "2"]}))
        .at(1_795_177_200_000_000)
}

fn evaluated(text: &str) -> Result<Value, String> {
    let expression = Expression::compile(text).map_err(|problem| problem.to_string())?;
    let value = expression.evaluate(&scope());
    value.map_err(|problem| problem.to_string())
}

#[test]
fn values_of_all_kinds() {
    for (text, expected) in [
        ("[user.id]", json!(["alice"])),
        ("['2023-04']", json!(["2023-04"])),
        ("size(msg.body)", json!(5)),
        ("msg.body.size() + msg.n * 2", json!(15)),
        ("msg.big", json!(u64::MAX)),
        ("msg.ratio * 4.0", json!(2.0)),
        ("msg.none", Value::Null),
        ("'mood' in msg ? msg.mood : 'calm'", json!("calm")),
        ("has(msg.body) && !has(msg.mood)", json!(true)),
        ("msg.?mood.orValue('calm')", json!("calm")),
        ("'MSG: ' + msg.body", json!("MSG: Grüße")),
        ("row.user == user.id", json!(true)),
        ("user.role == 'admin'", json!(true)),
        ("'b' in user.teams", json!(true)),
        ("user.teams.exists(team, team == 'c')", json!(false)),
        ("args.room.map(room, int(room) * 10)", json!([10, 20])),
        (
            "user.teams.filter(t, t != 'a').map(t, {'team': t})",
            json!([{"team": "b"}]),
        ),
        (
            "{'b': 1, 'a': [true, null]}",
            json!({"a": [true, null], "b": 1}),
        ),
        (
            "msg.body.matches('^[A-Z]r') && msg.body.startsWith('G')",
            json!(true),
        ),
        (
            "session == null ? 'no session' : session.id",
            json!("no session"),
        ),
        ("type(msg.n) == int", json!(true)),
        ("msg.body == null", json!(false)),
        ("msg.n == 5.0", json!(true)),
        ("now", json!("2026-11-20T12:20:00.000000")),
        (
            "timestamp(row.timestamp + 'Z') > now - duration('30m')",
            json!(true),
        ),
        (
            "timestamp(row.timestamp + 'Z') > now - duration('15m')",
            json!(false),
        ),
        ("now.getFullYear()", json!(2026)),
    ] {
        assert_eq!(evaluated(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    for (text, words) in [
        ("msg.nothing", "there is no `nothing`"),
        ("session.id", "null has no keys"),
        ("old.id", "there is no `old` here"),
        ("msg.body + 1", "`add` can't be done with string, int"),
        ("msg.body < 1", "can't be done with string, int"),
        ("{msg: 1}", "a value of type map can't be a key"),
        ("size(msg.n)", "`size` can't be done with int"),
        ("msg.n / 0", "divides by zero"),
        ("9223372036854775807 + msg.n", "beyond 64 bits"),
        ("int(msg.body)", "int"),
        ("args.room[2]", "not that long"),
        ("1.0 / 0.0", "no number in JSON"),
        ("b'abc'", "type bytes"),
        ("duration('1s')", "type duration"),
        ("optional.of(1)", "type opaque"),
    ] {
        match evaluated(text) {
            Err(problem) => assert!(problem.contains(words), "{text}: {problem}"),
            Ok(value) => panic!("{text} gives {value}"),
        }
    }
}

#[test]
fn a_condition_is_true_or_false() {
    let holds = |text: &str| Expression::compile(text).and_then(|one| one.holds(&scope()));
    assert_eq!(holds("true"), Ok(true));
    assert_eq!(holds("row.user != user.id"), Ok(false));
    for text in ["1", "null", "'true'", "[true]", "user"] {
        let problem = holds(text).expect_err(text);
        assert!(
            problem.message.contains("neither true nor false"),
            "{problem}"
        );
    }
}

/// The column is that of the character that is wrong, also behind letters of two bytes.
#[test]
fn mistakes_have_a_column() {
    for (text, column, words) in [
        ("", 1, ""),
        ("msg.", 5, ""),
        ("1 +", 4, ""),
        (
            "'ä' + nobody",
            7,
            "there is no `nobody` here; there are msg",
        ),
        ("'ä' == usr.id", 8, "did you mean `user`?"),
        ("true &&\n  usr.id", 11, "did you mean `user`?"),
        ("'é' in msg && len(msg)", 15, "there is no function `len`"),
        ("sise(msg)", 1, "did you mean `size`?"),
        ("[1].map(x, x + y)", 16, "there is no `y` here"),
        (
            "msg.body.matches(msg.pattern)",
            21,
            "must be a text that stands there",
        ),
        ("msg.body.matches('(')", 18, "the pattern can't be read"),
        ("Message{}", 1, "no type `Message`"),
        ("'ü' 'x'", 5, ""),
        ("msg $ 1", 5, ""),
    ] {
        let problem = Expression::compile(text).expect_err(text);
        assert_eq!(problem.column, Some(column), "{text}: {problem}");
        assert!(problem.message.contains(words), "{text}: {problem}");
        assert!(!problem.message.contains('\n'), "{text}: {problem}");
    }
}

#[test]
fn names_may_be_fewer_and_are_known() {
    let expression = Expression::compile_with("msg.user == user.id", &["msg", "user"]);
    let expression = expression.expect("an expression");
    assert!(expression.uses("msg") && expression.uses("user") && !expression.uses("row"));
    assert!(!expression.is_constant());
    let refused = Expression::compile_with("row.user", &["msg", "user"]);
    assert_eq!(
        refused.expect_err("no row").message,
        "there is no `row` here; there are msg, user"
    );
    // What a macro names is its own, even under the name of something else.
    let own = Expression::compile("[1, 2].map(msg, msg * 2)").expect("an expression");
    assert!(own.is_constant());
    assert_eq!(own.evaluate(&scope()), Ok(json!([2, 4])));
}

/// None of the functions that the check lets pass is unknown to the library.
#[test]
fn every_function_is_there() {
    for function in FUNCTIONS {
        // Called in all wrong ways: some way must get as far as the types.
        let ways = ["(msg)", "(msg, 'x')", "()"].map(|call| format!("{function}{call}"));
        let methods = ["", "'x'"].map(|call| format!("msg.{function}({call})"));
        let known = ways.iter().chain(&methods).any(|text| {
            let problem = match evaluated(text) {
                Ok(_) => return true,
                Err(problem) => problem,
            };
            !problem.contains("there is no")
        });
        assert!(known, "{function}");
    }
}

#[test]
fn what_nobody_asks_for_is_not_made() {
    let scope = Scope::new()
        .with("msg", json!({"n": 1}))
        .later("user", || unreachable!("nobody asks"));
    let expression = Expression::compile("msg.n == 1 || user.id == 'x'").expect("an expression");
    assert_eq!(expression.evaluate(&scope), Ok(json!(true)));
}

/// A list of this many texts.
fn list(length: usize) -> Scope<'static> {
    let items: Vec<_> = (0..length).map(|n| json!(n.to_string())).collect();
    Scope::new().with(
        "msg",
        json!({"list": items, "text": "x".repeat(60_000), "wide": items}),
    )
}

const LOOPS: &[&str] = &[
    "msg.list.all(x, x != '')",
    "msg.list.exists(x, x == 'no')",
    "msg.list.exists_one(x, x == 'no')",
    "msg.list.map(x, x)",
    "msg.list.filter(x, x != '')",
    "msg.list.all(x, msg.list.all(y, msg.list.all(z, x != '' || y != '' || z != '')))",
    "msg.list.map(x, msg.list.map(y, msg.list.map(z, x + y + z)))",
    "msg.list.all(x, x in msg.wide)",
    "msg.list.all(x, msg.wide == msg.wide)",
    "msg.list.all(x, size(msg.text) > 0)",
    "msg.list.all(x, msg.text.contains(x))",
    "msg.list.exists(x, msg.text.matches('y$'))",
    "msg.list.map(x, msg.text + msg.text)",
    "msg.list.all(x, string(msg) != '')",
    "msg.list.all(x, {'a': msg} != {'a': x})",
    "[msg.list].all(l, l.all(x, l.all(y, x + y != '')))",
    "msg.list.all(x, [1, 2].exists(n, msg.wide.all(y, y != x)))",
    "msg.list.all(x, msg.list.all(y, false) || true)",
];

#[test]
fn short_lists_can_be_gone_through() {
    let scope = list(10);
    for text in LOOPS {
        let expression = Expression::compile(text).expect(text);
        match expression.evaluate(&scope) {
            Err(problem) if problem.message.contains("steps") => panic!("{text}: {problem}"),
            _ => {}
        }
    }
    let squares = Expression::compile("msg.list.all(x, msg.wide.all(y, x != y + 'x'))");
    assert_eq!(
        squares.and_then(|one| one.evaluate(&scope)),
        Ok(json!(true))
    );
}

/// However long the list is that somebody sends, and whatever is done with it: the time
/// is bounded, and too long is no answer, not a wrong one.
#[test]
fn long_lists_are_refused_in_time() {
    for length in [9_000, 100_000] {
        let scope = list(length);
        // The conversion is not what is bounded here.
        let warm = Expression::compile("size(msg.list)").expect("an expression");
        assert_eq!(warm.evaluate(&scope), Ok(json!(length)));
        for text in LOOPS {
            let expression = Expression::compile(text).expect(text);
            let began = Instant::now();
            let answer = expression.evaluate(&scope);
            let took = began.elapsed();
            // Hours without the bound, for most of them; a fraction of this with it.
            assert!(took < Duration::from_secs(5), "{text} took {took:?}");
            if length > bounds::STEPS as usize {
                let problem = answer.expect_err(text);
                assert!(
                    problem.message.contains("more than 10000 steps"),
                    "{text}: {problem}"
                );
            }
        }
    }
}

/// Steps that one evaluation has used up are no one else's.
#[test]
fn every_evaluation_has_all_its_steps() {
    let scope = list(6_000);
    let expression = Expression::compile("msg.list.all(x, x != '')").expect("an expression");
    for _ in 0..3 {
        assert_eq!(expression.evaluate(&scope), Ok(json!(true)));
    }
}

/// A text that doubles with each pass ends before the memory does.
#[test]
fn doubling_comes_to_an_end() {
    let doubled = format!("['{}']{}", "x".repeat(64), ".map(x, x + x)".repeat(100));
    let problem = Expression::compile(&doubled).and_then(|one| one.evaluate(&Scope::new()));
    assert!(problem.is_err(), "{problem:?}");
}

#[test]
fn too_long_and_too_deep_is_refused() {
    let long = "a".repeat(2_049);
    let problem = Expression::compile(&long).expect_err("too long");
    assert!(problem.message.contains("2048 bytes"), "{problem}");
    for deep in [
        "(".repeat(1_000) + "1" + &")".repeat(1_000),
        "[".repeat(1_000) + &"]".repeat(1_000),
        "1".to_owned() + &"+1".repeat(1_000),
        "!".repeat(2_000) + "true",
        "-".repeat(2_000) + "1",
        "true".to_owned() + &"?true:true".repeat(200),
        "msg".to_owned() + &".a".repeat(1_000),
        "msg".to_owned() + &"[0]".repeat(600),
        "1".to_owned() + &"+1".repeat(98),
        "!".repeat(90) + "true",
        "true".to_owned() + &"?true:true".repeat(90),
        "[1]".to_owned() + &".map(x,x)".repeat(30),
        "true".to_owned() + &"&&true".repeat(300),
        "{1:".repeat(500) + "1" + &"}".repeat(500),
        "[1]".to_owned() + &".map(x,x)".repeat(200),
    ] {
        // An answer of whatever kind, and no overflow of the stack that a worker has.
        let answer = std::thread::Builder::new()
            .stack_size(512 << 10)
            .spawn(move || {
                let answer = Expression::compile(&deep).and_then(|one| one.evaluate(&Scope::new()));
                drop(answer);
            })
            .expect("a thread");
        answer.join().expect("no panic");
    }
}

#[test]
fn every_name_is_one() {
    for name in NAMES {
        assert!(Expression::compile(name).is_ok(), "{name}");
    }
    assert_eq!(
        Problem::at("x", "ä", 2),
        Problem {
            message: "x".into(),
            column: Some(2)
        }
    );
}
