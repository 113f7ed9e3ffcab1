//! `auth` of an endpoint: who may connect at all, before any plugin is asked.

use serde_json::Value;

use super::denied::Denied;
use super::session;
use super::user::User;
use crate::args;
use crate::clock::now_micros;
use crate::config::EndpointAuth;
use crate::expression::Scope;
use crate::filter::Args;

/// Somebody before the gate.
pub struct Visitor<'a> {
    pub endpoint: &'a str,
    pub user: Option<&'a User>,
    pub session: Option<&'a str>,
    pub args: &'a Args,
}

/// Lets a visitor in, or says why not.
pub fn check(gate: &EndpointAuth, visitor: &Visitor<'_>) -> Result<(), Denied> {
    if gate.required && visitor.user.is_none() {
        return Err(Denied::Anonymous);
    }
    let Some(condition) = &gate.condition else {
        return Ok(());
    };
    match condition.holds(&visitor.scope()) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        // It may well be about a claim that this user has not: no, and no failure.
        Err(problem) => tracing::debug!(
            endpoint = visitor.endpoint, %problem, "the condition of `auth` has no answer: refused"
        ),
    }
    // Who is nobody yet may be somebody who may.
    Err(match visitor.user {
        None => Denied::Anonymous,
        Some(_) => Denied::Forbidden,
    })
}

impl Visitor<'_> {
    fn scope(&self) -> Scope<'_> {
        Scope::new()
            .later("user", || self.user.map_or(Value::Null, User::to_value))
            .later("session", || {
                self.session.map_or(Value::Null, session::to_value)
            })
            .later("args", || args::to_json(self.args))
            .later("endpoint", || self.endpoint.into())
            .at(u64::try_from(now_micros()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;
    use crate::filter::parse_query;

    fn verdict(
        required: bool,
        condition: &str,
        user: Option<&User>,
        query: &str,
    ) -> Result<(), Denied> {
        let compiled =
            (!condition.is_empty()).then(|| Expression::compile(condition).expect("an expression"));
        let gate = EndpointAuth {
            required,
            condition: compiled,
        };
        let visitor = Visitor {
            endpoint: "chat",
            user,
            session: Some("s1"),
            args: &parse_query(query),
        };
        check(&gate, &visitor)
    }

    #[test]
    fn required_means_a_user_and_no_more() {
        let ann = User::named("ann", None);
        assert_eq!(verdict(false, "", None, ""), Ok(()));
        assert_eq!(verdict(true, "", None, ""), Err(Denied::Anonymous));
        assert_eq!(verdict(true, "", Some(&ann), ""), Ok(()));
    }

    #[test]
    fn a_condition_sees_user_session_and_args() {
        let ann = User::named("ann", Some(r#"{"roles": ["editor"], "org": {"id": 7}}"#));
        let ok = |condition: &str| verdict(false, condition, Some(&ann), "room=a&room=b");
        assert_eq!(ok("user.id == 'ann' && 'editor' in user.roles"), Ok(()));
        assert_eq!(ok("user.org.id == 7"), Ok(()));
        assert_eq!(ok("session.id == 's1' && endpoint == 'chat'"), Ok(()));
        assert_eq!(ok("args.room == ['a', 'b']"), Ok(()));
        assert_eq!(ok("user.id == 'bob'"), Err(Denied::Forbidden));
    }

    #[test]
    fn what_has_no_answer_is_no() {
        let ann = User::named("ann", None);
        for condition in ["user.role == 'admin'", "user.id", "1"] {
            assert_eq!(
                verdict(false, condition, Some(&ann), ""),
                Err(Denied::Forbidden)
            );
        }
        let anonymous = verdict(false, "user.role == 'admin'", None, "");
        assert_eq!(anonymous, Err(Denied::Anonymous), "a user might be let in");
        assert_eq!(verdict(false, "user == null", None, ""), Ok(()));
    }
}
