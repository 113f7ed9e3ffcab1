//! A key that tokens are checked with. It is good for one algorithm, which follows from the
//! key and never from a token: nobody can have a public key taken for a secret, or ask for
//! no signature at all.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::Value;

/// Bytes of a modulus; shorter RSA keys have been broken or soon will be.
const RSA_BYTES: usize = 256;
/// Bytes of a P-256 point: a 4, and two coordinates.
const P256_BYTES: usize = 65;
/// Bytes of an Ed25519 key.
const ED25519_BYTES: usize = 32;
/// Bytes of a secret, as many as the hash has.
const SECRET_BYTES: usize = 32;
/// Most keys of a set; real ones have a handful.
const KEYS: usize = 64;

/// A key, its algorithm, and its name in tokens.
#[derive(Clone, Debug)]
pub struct Key {
    /// `kid`. A key without one may have signed any token of its algorithm.
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub material: DecodingKey,
}

/// Who can read a key set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Readers {
    /// Whoever runs the server: it may have secrets.
    Operator,
    /// Anybody: a secret in it is none.
    Everybody,
}

impl Key {
    /// The key of HS256 tokens.
    pub fn from_secret(secret: &str) -> Self {
        Self {
            id: None,
            algorithm: Algorithm::HS256,
            material: DecodingKey::from_secret(secret.as_bytes()),
        }
    }

    /// A public key: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    ///
    /// # Errors
    /// What is wrong with the file, to be said after its name.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(pem);
        if text.contains("PRIVATE KEY-----") {
            return Err(
                "has a private key, which is for whoever makes the tokens; give the \
                        server the public one, as `openssl pkey -in FILE -pubout` prints it"
                    .into(),
            );
        }
        if !text.contains("PUBLIC KEY-----") {
            return Err("has no public key; it must have a PEM block `BEGIN PUBLIC KEY`".into());
        }
        let (algorithm, material) = DecodingKey::from_rsa_pem(pem)
            .map(|key| (Algorithm::RS256, key))
            .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| DecodingKey::from_ed_pem(pem).map(|key| (Algorithm::EdDSA, key)))
            .map_err(|_| "has a key that can't be read; take RSA, P-256 or Ed25519".to_owned())?;
        check(algorithm, &material).map_err(|what| format!("has {what}"))?;
        Ok(Self {
            id: None,
            algorithm,
            material,
        })
    }

    /// A key of a set.
    fn from_jwk(jwk: &Jwk, readers: Readers) -> Result<Self, String> {
        let common = &jwk.common;
        let verifies =
            |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
            || !common.key_operations.as_ref().is_none_or(verifies)
        {
            return Err("a key for something else".into());
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            AlgorithmParameters::OctetKey(_) if readers == Readers::Operator => {
                (Algorithm::HS256, KeyAlgorithm::HS256)
            }
            AlgorithmParameters::OctetKey(_) => return Err("a secret that anybody can read".into()),
            _ => return Err("a key on another curve".into()),
        };
        if common.key_algorithm.is_some_and(|meant| meant != named) {
            return Err("a key for another algorithm".into());
        }
        let material = DecodingKey::from_jwk(jwk).map_err(|_| "a key that can't be read")?;
        check(algorithm, &material)?;
        Ok(Self {
            id: common.key_id.clone(),
            algorithm,
            material,
        })
    }
}

/// Reads a JSON Web Key Set. Keys that are not for checking tokens, or that nothing here
/// can use, are passed over, as RFC 7517 demands.
///
/// # Errors
/// What is wrong with the set, to be said after where it is from.
pub fn read_set(text: &[u8], readers: Readers) -> Result<Vec<Key>, String> {
    let parsed = serde_json::from_slice::<Value>(text);
    let mut set = parsed.map_err(|error| format!("is not JSON: {error}"))?;
    let Some(Value::Array(listed)) = set.get_mut("keys").map(Value::take) else {
        return Err("is no JSON Web Key Set: it has no list `keys`".into());
    };
    if listed.len() > KEYS {
        return Err(format!("has {} keys, and {KEYS} are taken", listed.len()));
    }
    let mut useless = Vec::new();
    let mut keys = Vec::new();
    for key in listed {
        let key = serde_json::from_value::<Jwk>(key)
            .map_err(|_| "a key of an unknown kind".to_owned())
            .and_then(|jwk| Key::from_jwk(&jwk, readers));
        match key {
            Ok(key) => keys.push(key),
            Err(why) => useless.push(why),
        }
    }
    if keys.is_empty() {
        let found = if useless.is_empty() {
            "none".to_owned()
        } else {
            useless.join(", ")
        };
        return Err(format!(
            "has no key for RS256, ES256 or EdDSA tokens (found: {found})"
        ));
    }
    Ok(keys)
}

/// Whether the material is of the kind that the algorithm takes; what it is where not.
fn check(algorithm: Algorithm, material: &DecodingKey) -> Result<(), String> {
    let (bytes, is_der) = match material.kind() {
        DecodingKeyKind::SecretOrDer(bytes) => (bytes, true),
        DecodingKeyKind::RsaModulusExponent { n, .. } => (n, false),
    };
    let significant = bytes.iter().skip_while(|byte| **byte == 0).count();
    let fits = match algorithm {
        // With a few bytes around the modulus.
        Algorithm::RS256 if is_der => bytes.len() > RSA_BYTES,
        Algorithm::RS256 => significant >= RSA_BYTES,
        Algorithm::ES256 => bytes.len() == P256_BYTES && bytes.first() == Some(&4),
        Algorithm::EdDSA => bytes.len() == ED25519_BYTES,
        _ => bytes.len() >= SECRET_BYTES,
    };
    if fits {
        return Ok(());
    }
    Err(match algorithm {
        Algorithm::RS256 => "an RSA key of less than 2,048 bits".into(),
        Algorithm::ES256 => "a key that is not on the curve P-256".into(),
        Algorithm::EdDSA => "a key that is no Ed25519 key".into(),
        _ => format!("a secret of less than {SECRET_BYTES} bytes"),
    })
}
