//! `methods` of the config: who may do what.
//!
//! A condition that can't be evaluated holds for nobody. What plugins publish is not
//! asked about: that they may is what their grant says.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::EndpointConfig;
use crate::expression::{Expression, Scope};
use crate::log::Method;
use crate::rejection::{Rejection, code};
use crate::row::Row;

use super::{Judging, scope};

/// Rows asked about between two breaks for other tasks.
const ROWS_PER_TURN: usize = 256;

/// What one message must be asked.
pub(super) struct Permission {
    config: Arc<EndpointConfig>,
    method: Method,
    /// The condition depends on the message or its rows.
    is_open: bool,
}

impl Permission {
    /// Of a message that nothing else has been found out about yet.
    ///
    /// # Errors
    /// `forbidden`, if that is clear already: no row is read and no plugin called for it.
    pub fn ask(judging: &Judging<'_>, method: Method) -> Result<Self, Rejection> {
        let mut permission = Self {
            config: Arc::clone(&judging.config),
            method,
            is_open: false,
        };
        let methods = judging.config.methods.as_ref();
        if let Some(methods) = methods.filter(|_| judging.call.depth == 0) {
            let condition = methods.of(method);
            let condition = condition.ok_or_else(|| forbidden(method, 0))?;
            permission.is_open = condition.uses("msg") || condition.uses("row");
            if !permission.is_open {
                permission.decide(condition, &scope::of(&judging.call), 0)?;
            }
        }
        Ok(permission)
    }

    /// Of a message that has its defaults, and of each row that it is about.
    ///
    /// # Errors
    /// `forbidden`, if the sender may not do it to one of the rows.
    pub async fn check(
        &self,
        judging: &Judging<'_>,
        message: &Map<String, Value>,
        rows: &[Row],
    ) -> Result<(), Rejection> {
        let methods = self.config.methods.as_ref().filter(|_| self.is_open);
        let Some(condition) = methods.and_then(|methods| methods.of(self.method)) else {
            return Ok(());
        };
        let mut scope = scope::of(&judging.call);
        if condition.uses("msg") {
            scope.set("msg", Value::Object(message.clone()));
        }
        if !condition.uses("row") {
            return self.decide(condition, &scope, rows.len());
        }
        let table = judging.endpoint.table.as_deref();
        for (at, row) in rows.iter().enumerate() {
            if at % ROWS_PER_TURN == ROWS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            let shown = table.map(|table| row.to_json(table)).unwrap_or_default();
            scope.set("row", Value::Object(shown));
            self.decide(condition, &scope, rows.len())?;
        }
        Ok(())
    }

    fn decide(
        &self,
        condition: &Expression,
        scope: &Scope<'_>,
        rows: usize,
    ) -> Result<(), Rejection> {
        let method = self.method.as_str();
        match condition.holds(scope) {
            Ok(true) => Ok(()),
            Ok(false) => Err(forbidden(self.method, rows)),
            Err(problem) => {
                tracing::info!(%problem, "`methods.{method}` can't be evaluated, so it is refused");
                Err(forbidden(self.method, rows))
            }
        }
    }
}

fn forbidden(method: Method, rows: usize) -> Rejection {
    let method = method.as_str();
    let text = match rows {
        0 => format!("you may not {method} here"),
        1 => format!("you may not {method} this row"),
        _ => format!("you may not {method} all of these rows, so none was changed"),
    };
    Rejection::new(code::FORBIDDEN, text)
}
