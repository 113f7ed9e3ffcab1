//! JSON Web Tokens, made with real keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use ring::{hmac, signature::KeyPair as _};
use serde_json::{Value, json};

/// A private RSA key for tests: ring makes none.
const RSA: &str = include_str!("rsa.pem");

/// Somebody who makes tokens.
pub struct Signer {
    /// `alg` of its tokens.
    pub algorithm: &'static str,
    key: Key,
    /// The public key as PEM; empty for a secret.
    pub public_pem: String,
    /// The public key as JWK, without `kid`; of a secret, the secret.
    jwk: Value,
}

enum Key {
    Secret(hmac::Key),
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub fn hs256(secret: &[u8]) -> Self {
        Self {
            algorithm: "HS256",
            key: Key::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret)),
            public_pem: String::new(),
            jwk: json!({"kty": "oct", "k": encoded(secret)}),
        }
    }

    pub fn rs256() -> Self {
        let pair = rcgen::KeyPair::from_pem(RSA).unwrap();
        let key = RsaKeyPair::from_pkcs8(&pair.serialize_der()).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        Self {
            algorithm: "RS256",
            jwk: json!({"kty": "RSA", "n": encoded(&public.n), "e": encoded(&public.e)}),
            key: Key::Rsa(Box::new(key)),
            public_pem: pair.public_key_pem(),
        }
    }

    /// With a new key each time.
    pub fn es256() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let (x, y) = pair.public_key_raw()[1..].split_at(32);
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &SystemRandom::new(),
        );
        Self {
            algorithm: "ES256",
            jwk: json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)}),
            key: Key::Ec(key.unwrap()),
            public_pem: pair.public_key_pem(),
        }
    }

    /// With a new key each time.
    pub fn eddsa() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pair.serialize_der()).unwrap();
        let public = encoded(key.public_key().as_ref());
        Self {
            algorithm: "EdDSA",
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": public}),
            key: Key::Ed(key),
            public_pem: pair.public_key_pem(),
        }
    }

    /// The key in a set, under this name.
    pub fn jwk(&self, id: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = id.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A token with these claims that expires in an hour, unless they say otherwise.
    pub fn token(&self, claims: Value) -> String {
        self.token_with(json!({"alg": self.algorithm, "typ": "JWT"}), claims)
    }

    /// The same, naming its key.
    pub fn token_by(&self, id: &str, claims: Value) -> String {
        self.token_with(json!({"alg": self.algorithm, "kid": id}), claims)
    }

    /// A token with any header.
    pub fn token_with(&self, header: Value, mut claims: Value) -> String {
        if claims.get("exp").is_none() {
            claims["exp"] = (now() + 3600).into();
        }
        let header = encoded(header.to_string().as_bytes());
        let message = format!("{header}.{}", encoded(claims.to_string().as_bytes()));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", encoded(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Key::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// Seconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
