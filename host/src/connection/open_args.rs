//! `open` of the config: query keys that the server sets, whatever the client asked for.

use serde_json::json;

use crate::args;
use crate::config::OpenArgs;
use crate::filter::Args;
use crate::judge::scope;
use crate::plugin::CallContext;
use crate::rejection::{Rejection, code};

/// The keys that the config sets for a subscription. All of them see the client's own
/// args.
///
/// # Errors
/// One of them has no value for this client, or none that a query key can have: it must
/// not begin, because it might see more than it should.
pub(super) fn set(open: &OpenArgs, call: &CallContext) -> Result<Args, Rejection> {
    let scope = scope::of(call);
    let value = |(key, expression): &(String, crate::expression::Expression)| {
        let values = expression
            .evaluate(&scope)
            .map_err(|problem| problem.message)
            .and_then(|json| args::values(&json).map_err(|problem| format!("{json}: {problem}")));
        match values {
            Ok(values) => Ok((key.clone(), values)),
            Err(problem) => Err(refused(key, &problem)),
        }
    };
    open.0.iter().map(value).collect()
}

/// Puts them in the place of what the client has under the same keys.
pub(super) fn replace(args: &mut Args, set: Args) {
    for (key, values) in set {
        match args.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = values,
            None => args.push((key, values)),
        }
    }
}

fn refused(key: &str, problem: &str) -> Rejection {
    let open = format!("open.{key}");
    tracing::warn!(open, problem, "a subscription is refused");
    Rejection {
        details: Some(json!({"open": open})),
        ..Rejection::new(
            code::EXPRESSION_FAILED,
            format!(
                "the server's `{open}` has no value for you, so nothing can be shown: {problem}"
            ),
        )
    }
}
