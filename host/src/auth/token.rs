//! A token checked: signature, times, issuer, audience; and the user it names.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::denied::Denied;
use super::key::{Key, Readers, read_set};
use super::remote::RemoteKeys;
use super::user::{User, is_user_id};
use crate::clock::now_micros;
use crate::config::JwtConfig;

/// Longest token, in bytes: as much as a request's headers may have in all.
const TOKEN_LIMIT: usize = 64 << 10;

/// Algorithms whose keys a set that anybody can read may have.
const PUBLIC: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

type Claims = Map<String, Value>;

/// Checks tokens.
pub struct Tokens {
    config: JwtConfig,
    /// From the config and its files.
    fixed: Vec<Key>,
    pub remote: Option<Arc<RemoteKeys>>,
}

impl Tokens {
    /// Reads the keys; none where the config has no keys at all.
    ///
    /// # Errors
    /// The key of the config that is wrong, and what is wrong with it.
    pub fn read(config: &JwtConfig) -> Result<Option<Self>, (&'static str, String)> {
        if !config.is_on() {
            return Ok(None);
        }
        super::signature::install();
        let mut fixed = Vec::new();
        if let Some(secret) = &config.secret {
            fixed.push(Key::from_secret(secret.reveal()));
        }
        for file in &config.key_files {
            let key = read(file).and_then(|pem| Key::from_pem(&pem));
            fixed.push(key.map_err(|what| ("key_files", named(file, &what)))?);
        }
        if let Some(file) = &config.jwks_file {
            let keys = read(file).and_then(|text| read_set(&text, Readers::Operator));
            fixed.extend(keys.map_err(|what| ("jwks_file", named(file, &what)))?);
        }
        Ok(Some(Self {
            config: config.clone(),
            fixed,
            remote: None,
        }))
    }

    /// The user that a token names.
    ///
    /// # Errors
    /// Why it is not accepted, or that it can't be checked at present.
    pub async fn user(&self, token: &str) -> Result<User, Denied> {
        let header = header(token)?;
        let known = self.keys();
        let claims = match check(token, &header, &known, &self.rules(header.alg)) {
            Some(checked) => checked,
            None => self.ask_again(token, &header, &known).await?,
        };
        self.named(claims?)
    }

    /// No known key has signed the token: there may be a new one.
    async fn ask_again(
        &self,
        token: &str,
        header: &Header,
        known: &[Key],
    ) -> Result<Result<Claims, Denied>, Denied> {
        let unsigned = Denied::BadToken(sentence(&ErrorKind::InvalidSignature));
        let Some(remote) = &self.remote else {
            return Err(unsigned);
        };
        let is_public = PUBLIC.contains(&header.alg);
        let is_known = known
            .iter()
            .any(|key| key.algorithm == header.alg && key.id.is_some() && key.id == header.kid);
        if !is_public || is_known {
            return Err(unsigned);
        }
        remote.look_again().await;
        if remote.keys().is_empty() {
            return Err(Denied::NoKeys);
        }
        check(token, header, &self.keys(), &self.rules(header.alg)).ok_or(unsigned)
    }

    fn keys(&self) -> Vec<Key> {
        let remote = self.remote.as_ref().map(|remote| remote.keys());
        let remote = remote.iter().flat_map(|keys| keys.iter());
        self.fixed.iter().chain(remote).cloned().collect()
    }

    /// What tokens of one algorithm must say.
    fn rules(&self, algorithm: Algorithm) -> Validation {
        let mut rules = Validation::new(algorithm);
        rules.leeway = self.config.leeway.as_secs();
        rules.validate_nbf = true;
        if !self.config.issuers.is_empty() {
            rules.set_issuer(&self.config.issuers);
            rules.required_spec_claims.insert("iss".into());
        }
        rules.validate_aud = !self.config.audiences.is_empty();
        if rules.validate_aud {
            rules.set_audience(&self.config.audiences);
            rules.required_spec_claims.insert("aud".into());
        }
        rules
    }

    /// When the connections of an accepted token end.
    fn end(&self, claims: &Claims) -> Option<Instant> {
        if !self.config.close_expired {
            return None;
        }
        let expires = Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?).ok()?;
        let now = Duration::from_micros(u64::try_from(now_micros()).unwrap_or_default());
        let left = expires
            .saturating_add(self.config.leeway)
            .saturating_sub(now);
        // Beyond what the clock can say is never.
        Instant::now().checked_add(left)
    }

    fn named(&self, claims: Claims) -> Result<User, Denied> {
        let name = &self.config.user_claim;
        let id = match claims.get(name) {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        match id.filter(|id| is_user_id(id)) {
            Some(id) => {
                let until = self.end(&claims);
                Ok(User::new(&id, claims).until(until))
            }
            None => {
                let what =
                    format!("the token's claim `{name}`, which is to name the user, does not");
                Err(Denied::BadToken(what))
            }
        }
    }
}

/// Tries the keys that may have signed a token: those of its algorithm, and of its key id
/// where both have one. None: none of them has.
fn check(
    token: &str,
    header: &Header,
    keys: &[Key],
    rules: &Validation,
) -> Option<Result<Claims, Denied>> {
    let may_have_signed = |key: &&Key| {
        let same_id = key.id.is_none() || header.kid.is_none() || key.id == header.kid;
        key.algorithm == header.alg && same_id
    };
    for key in keys.iter().filter(may_have_signed) {
        return match decode::<Claims>(token, &key.material, rules) {
            Ok(token) => Some(Ok(token.claims)),
            Err(error) if *error.kind() == ErrorKind::InvalidSignature => continue,
            Err(error) => Some(Err(refused(&error))),
        };
    }
    None
}

fn header(token: &str) -> Result<Header, Denied> {
    let nonsense = || Denied::BadToken(sentence(&ErrorKind::InvalidToken));
    if token.len() > TOKEN_LIMIT {
        return Err(nonsense());
    }
    let header = decode_header(token).map_err(|error| refused(&error))?;
    // RFC 7515: what is critical and not understood makes a token invalid.
    match header.crit {
        None => Ok(header),
        Some(_) => Err(nonsense()),
    }
}

fn refused(error: &Error) -> Denied {
    Denied::BadToken(sentence(error.kind()))
}

/// What is wrong, without anything that the token itself says.
fn sentence(error: &ErrorKind) -> String {
    match error {
        ErrorKind::ExpiredSignature => "the token has expired".into(),
        ErrorKind::ImmatureSignature => "the token is not valid yet".into(),
        ErrorKind::InvalidSignature => "the token is signed by no key known here".into(),
        ErrorKind::InvalidIssuer => "the token's issuer is not accepted here".into(),
        ErrorKind::InvalidAudience => "the token is meant for another service".into(),
        // Names of claims that the server asks for.
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            format!("the token has no usable `{claim}`")
        }
        _ => "the token is no JSON Web Token that is accepted here".into(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("can't be read: {error}"))
}

fn named(file: &Path, what: &str) -> String {
    format!("{} {what}", file.display())
}
