//! Names in a template that must exist whatever it is rendered with.
//!
//! minijinja looks filters and tests up when it comes to them, which may be in a branch
//! that is seldom taken. So they are found among the template's tokens, and each is asked
//! for once.

use minijinja::machinery::{Token, WhitespaceConfig, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind};

/// Checks filters and tests. The error has its line, if it is known.
pub(super) fn names(
    environment: &Environment<'_>,
    source: &str,
) -> Result<(), (Option<usize>, String)> {
    let tokens = tokenize(source, false, SyntaxConfig, WhitespaceConfig::default());
    let tokens: Vec<_> = tokens.filter_map(Result::ok).collect();
    for (at, (token, span)) in tokens.iter().enumerate() {
        let next = |by: usize| match tokens.get(at + by) {
            Some((Token::Ident(name), _)) => Some(*name),
            _ => None,
        };
        let line = Some(span.start_line as usize);
        let found = match token {
            Token::Pipe => next(1).map(|name| ("filter", name, format!("'' | {name}"))),
            Token::Ident("is") => match next(1) {
                Some("not") => next(2),
                other => other,
            }
            .map(|name| ("test", name, format!("'' is {name}"))),
            _ => None,
        };
        if let Some((kind, name, expression)) = found
            && !exists(environment, &expression)
        {
            return Err((line, format!("there is no {kind} `{name}`")));
        }
    }
    Ok(())
}

/// Whether the filter or test of a little expression exists. That it can't be used so is
/// no matter.
fn exists(environment: &Environment<'_>, expression: &str) -> bool {
    let Ok(compiled) = environment.compile_expression(expression) else {
        // A word of the language, as `none`.
        return true;
    };
    match compiled.eval(()) {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest
        ),
    }
}
