//! How long an evaluation may take.
//!
//! CEL can't loop for ever, but `all`, `exists`, `map` and `filter` go through lists that
//! clients have a hand in, within each other, too. So an evaluation has a number of steps.
//! At compile time, marks are put into the expression: around each list that is gone
//! through, and around what is looked at each time. A mark passes its value on and counts
//! as many steps as the value is large. Outside of loops nothing is counted: there each
//! value is looked at once for each time it is written.

use std::cell::Cell;

use cel::common::ast::{CallExpr, EntryExpr, Expr};
use cel::common::types::{CelBytes, CelList, CelMap, CelString, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError, IdedExpr};

use super::Problem;

/// Steps of one evaluation: a few milliseconds.
pub(super) const STEPS: u64 = 10_000;
/// Bytes of text that count as one step.
const BYTES_PER_STEP: usize = 16;
/// Steps of going through something that looking at it takes: comparing is cheaper.
const LOOKS_PER_STEP: u64 = 16;

/// The marks. No expression can call them: their names are no identifiers.
const THROUGH: &str = "@through";
const AT: &str = "@at";

thread_local! {
    /// What is left of the evaluation's steps; none once they were not enough. An
    /// evaluation stays on its thread.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The library's own functions and the marks.
pub(super) fn environment() -> Env {
    let mut environment = Env::stdlib();
    // Names that the library has not: this can't fail.
    let _ = environment.add_overload(THROUGH, THROUGH, vec![DYN_TYPE], through);
    let _ = environment.add_overload(AT, AT, vec![DYN_TYPE], at);
    environment
}

/// Runs an evaluation with its steps counted.
///
/// # Errors
/// They were not enough. What it gave then is worth nothing: in `all` and `exists`, an
/// error may count as an answer.
pub(super) fn within<T>(evaluate: impl FnOnce() -> T) -> Result<T, Problem> {
    LEFT.set(Some(STEPS));
    let value = evaluate();
    match LEFT.get() {
        Some(_) => Ok(value),
        None => Err(Problem::new(format!(
            "it would take more than {STEPS} steps: a list is too long to be gone through"
        ))),
    }
}

fn through<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    counted(values, |size| size)
}

fn at<'b, 'v>(values: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    counted(values, |size| size / LOOKS_PER_STEP)
}

fn counted<'b, 'v>(
    mut values: Vec<CowVal<'b, 'v>>,
    steps: impl Fn(u64) -> u64,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = values
        .pop()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let left = LEFT
        .get()
        .and_then(|left| left.checked_sub(steps(size(&*value))));
    LEFT.set(left);
    match left {
        Some(_) => Ok(value),
        None => Err(ExecutionError::InternalError("too many steps".to_owned())),
    }
}

/// How large a value is, in steps.
fn size(value: &(dyn Val + '_)) -> u64 {
    let of_text = |bytes: usize| (bytes / BYTES_PER_STEP) as u64;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        of_text(text.inner().len())
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        of_text(bytes.inner().len())
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().map(|item| 1 + size(&**item)).sum()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let entries = map.inner().iter();
        entries
            .map(|(key, value)| 1 + size(key.inner()) + size(&**value))
            .sum()
    } else {
        0
    }
}

/// Puts the marks into an expression.
pub(super) fn insert(program: &mut IdedExpr) {
    mark(program, false);
}

/// Marks what is inside of a part, and in loops the part itself.
fn mark(part: &mut IdedExpr, in_loop: bool) {
    if is_path(part) {
        mark_path(part, in_loop);
        if in_loop {
            wrap(part, AT);
        }
        return;
    }
    match &mut part.expr {
        Expr::Comprehension(inner) => {
            mark(&mut inner.iter_range, in_loop);
            wrap(&mut inner.iter_range, THROUGH);
            mark(&mut inner.accu_init, in_loop);
            mark(&mut inner.loop_cond, true);
            mark(&mut inner.loop_step, true);
            mark(&mut inner.result, in_loop);
        }
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                mark(target, in_loop);
            }
            call.args.iter_mut().for_each(|part| mark(part, in_loop));
        }
        Expr::Select(select) => mark_path(&mut select.operand, in_loop),
        Expr::List(list) => list
            .elements
            .iter_mut()
            .for_each(|part| mark(part, in_loop)),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                match &mut entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        mark(&mut entry.key, in_loop);
                        mark(&mut entry.value, in_loop);
                    }
                    EntryExpr::StructField(field) => mark(&mut field.value, in_loop),
                }
            }
        }
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// A name, or what is found along keys and indexes from it: `msg.tags[0].name`. The
/// library's own names begin with `@` and are no business of ours.
fn is_path(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Ident(name) => !name.starts_with('@'),
        // `has(x.y)` looks at nothing.
        Expr::Select(select) => !select.test,
        Expr::Call(call) => is_index(call),
        _ => false,
    }
}

fn is_index(call: &CallExpr) -> bool {
    let indexes = ["_[_]", "_[?_]", "_?._"];
    call.target.is_none() && call.args.len() == 2 && indexes.contains(&call.func_name.as_str())
}

/// Marks what is inside of a path, but not the path's beginning: of that, only what is
/// found is looked at.
fn mark_path(part: &mut IdedExpr, in_loop: bool) {
    match &mut part.expr {
        Expr::Ident(_) => {}
        Expr::Select(select) => mark_path(&mut select.operand, in_loop),
        Expr::Call(call) if is_index(call) => {
            if let [from, index] = call.args.as_mut_slice() {
                mark_path(from, in_loop);
                mark(index, in_loop);
            }
        }
        _ => mark(part, in_loop),
    }
}

fn wrap(part: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(part);
    *part = IdedExpr {
        id: inner.id,
        expr: Expr::Call(CallExpr {
            func_name: function.to_owned(),
            target: None,
            args: vec![inner],
        }),
    };
}
