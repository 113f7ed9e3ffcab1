//! `open` of the config: query keys that the server sets, whatever the client asked for.

use serde_json::json;

use crate::args;
use crate::config::OpenArgs;
use crate::expression::{Expression, Scope};
use crate::filter::Args;
use crate::id::row_id;
use crate::judge::scope;
use crate::plugin::CallContext;
use crate::rejection::{Rejection, code};

/// The args of a subscription, with the keys that the config sets in the place of the
/// client's. All expressions see the client's own.
///
/// # Errors
/// One of them has no value for this client, or none that a query key can have: the
/// subscription must not begin, because it might show more than it should.
pub(super) fn applied(
    open: &OpenArgs,
    call: &CallContext,
    asked: &Args,
) -> Result<Args, Rejection> {
    let scope = scope::of(call);
    let mut args = asked.clone();
    let mut nothing = false;
    for (key, expression) in &open.0 {
        let values = values(key, expression, &scope).map_err(|problem| refused(key, &problem))?;
        nothing |= values.is_empty();
        args.retain(|(known, _)| known != key);
        args.push((key.clone(), values));
    }
    if nothing {
        // None of no values: what no row can be. A key without a value would ask for all
        // rows that have any.
        args.retain(|(key, values)| key != "id" && !values.is_empty());
        args.push(("id".to_owned(), vec![row_id()]));
    }
    Ok(args)
}

fn values(key: &str, expression: &Expression, scope: &Scope<'_>) -> Result<Vec<String>, String> {
    let json = expression.evaluate(scope);
    let json = json.map_err(|problem| problem.message)?;
    args::values(key, &json).map_err(|problem| format!("{json}: {problem}"))
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
