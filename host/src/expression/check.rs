//! Whether an expression is one, and uses what there is.

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SourceInfo};
use cel::{IdedExpr, ParseErrors};

use super::Problem;
use crate::nearest::nearest;

/// Functions, also as methods. Macros (`has`, `all`, `exists`, `exists_one`, `map`,
/// `filter`) are gone once parsed. A test compares the list with the library.
pub(super) const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "int",
    "matches",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
    "value",
];

/// For comparisons with `type(x)`.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Deepest nesting. Evaluating recurses, on the stack of whoever does it.
const DEEPEST: usize = 100;

/// The first syntax error.
pub(super) fn syntax(text: &str, errors: &ParseErrors) -> Problem {
    let Some(first) = errors.errors.first() else {
        return Problem::new("it can't be read");
    };
    let message = first.msg.lines().next().unwrap_or_default();
    // Behind it is the list of all that could follow, which is nearly everything.
    let message = message.split(" expecting {").next().unwrap_or_default();
    let message = message.replace("'<EOF>'", "the end");
    // Lines and columns count from 1; the library knows no place for some errors.
    let (Ok(line @ 1..), Ok(column @ 1..)) =
        (usize::try_from(first.pos.0), usize::try_from(first.pos.1))
    else {
        return Problem::new(message);
    };
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let line = text.get(before..).unwrap_or_default();
    let inside = line.char_indices().nth(column - 1);
    let inside = inside.map_or(line.len(), |(byte, _)| byte);
    Problem::at(message, text, before + inside)
}

/// The names that it uses of those that there are.
///
/// # Errors
/// It uses others, or functions that are not there.
pub(super) fn references(
    text: &str,
    program: &IdedExpr,
    source: &SourceInfo,
    names: &[&'static str],
) -> Result<Vec<&'static str>, Problem> {
    let mut check = Check {
        text,
        source,
        names,
        own: Vec::new(),
        used: Vec::new(),
        depth: 0,
    };
    check.visit(program)?;
    Ok(check.used)
}

struct Check<'a> {
    text: &'a str,
    source: &'a SourceInfo,
    names: &'a [&'static str],
    /// What `map` and its like have named around the place at hand.
    own: Vec<&'a str>,
    used: Vec<&'static str>,
    depth: usize,
}

impl<'a> Check<'a> {
    fn visit(&mut self, part: &'a IdedExpr) -> Result<(), Problem> {
        if self.depth == DEEPEST {
            return Err(self.problem(part, "it is nested too deeply: write a plugin for that"));
        }
        self.depth += 1;
        let visited = self.visit_inside(part);
        self.depth -= 1;
        visited
    }

    fn visit_inside(&mut self, part: &'a IdedExpr) -> Result<(), Problem> {
        match &part.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => self.call(part, call),
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.visit(item)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key)?;
                    self.visit(&entry.value)
                }
                EntryExpr::StructField(field) => self.visit(&field.value),
            }),
            Expr::Comprehension(inner) => {
                self.visit(&inner.iter_range)?;
                self.visit(&inner.accu_init)?;
                let around = self.own.len();
                self.own.push(&inner.iter_var);
                self.own.push(&inner.accu_var);
                self.own.extend(inner.iter_var2.as_deref());
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.visit(part)?;
                }
                self.own.truncate(around);
                Ok(())
            }
            Expr::Struct(made) => {
                let message = format!("there is no type `{}` to make", made.type_name);
                Err(self.problem(part, message))
            }
            Expr::Unspecified => Err(self.problem(part, "something is missing")),
        }
    }

    fn name(&mut self, part: &IdedExpr, name: &'a str) -> Result<(), Problem> {
        // An absolute name means the same: there are no containers.
        let name = name.strip_prefix('.').unwrap_or(name);
        if self.own.contains(&name) || TYPES.contains(&name) {
            return Ok(());
        }
        if let Some(known) = self.names.iter().find(|known| **known == name) {
            if !self.used.contains(known) {
                self.used.push(known);
            }
            return Ok(());
        }
        let remedy = match nearest(name, self.names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", self.names.join(", ")),
        };
        Err(self.problem(part, format!("there is no `{name}` here; {remedy}")))
    }

    fn call(&mut self, part: &IdedExpr, call: &'a CallExpr) -> Result<(), Problem> {
        // `optional.of(x)` is written like a method of something called `optional`.
        let library = call.target.as_deref().filter(|target| {
            matches!(&target.expr, Expr::Ident(name) if name == "optional")
                && !self.own.contains(&"optional")
        });
        let function = match library {
            Some(_) => format!("optional.{}", call.func_name),
            None => call.func_name.clone(),
        };
        let is_operator = !function.starts_with(|c: char| c.is_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&function.as_str()) {
            let remedy = match nearest(&function, FUNCTIONS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "look at the list of functions".to_owned(),
            };
            let message = format!("there is no function `{function}`; {remedy}");
            return Err(self.problem(part, message));
        }
        if function == "matches" {
            self.pattern(part, call)?;
        }
        if let (Some(target), None) = (&call.target, library) {
            self.visit(target)?;
        }
        call.args
            .iter()
            .try_for_each(|argument| self.visit(argument))
    }

    /// A pattern that somebody sends could take any time to compile.
    fn pattern(&self, part: &IdedExpr, call: &CallExpr) -> Result<(), Problem> {
        let pattern = call.args.last();
        let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|last| &last.expr)
        else {
            let message = "the pattern of `matches` must be a text that stands there";
            return Err(self.problem(pattern.unwrap_or(part), message));
        };
        let at = call.args.last().unwrap_or(part);
        match regex::Regex::new(pattern.inner()) {
            Ok(_) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default();
                Err(self.problem(at, format!("the pattern can't be read: {reason}")))
            }
        }
    }

    fn problem(&self, part: &IdedExpr, message: impl Into<String>) -> Problem {
        match self.source.offset_for(part.id) {
            Some((start, _)) => Problem::at(message, self.text, self.begin(start as usize)),
            None => Problem::new(message),
        }
    }

    /// The library has a call begin at its parenthesis; people look at the name.
    fn begin(&self, start: usize) -> usize {
        let before = self.text.get(..start).unwrap_or_default();
        let after = self.text.get(start..).unwrap_or_default();
        if after.starts_with(['(', '{']) {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            return before.trim_end_matches(name).len();
        }
        start
    }
}
