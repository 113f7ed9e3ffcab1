//! Tokens: each algorithm, and each way of not being accepted.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::denied::Denied;
use super::key::{Key, Readers, read_set};
use super::token::Tokens;
use crate::config::{JwtConfig, Secret};

#[path = "../../../tests/support/tokens.rs"]
mod tokens;

use tokens::{Signer, encoded, now};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Checks tokens with these public keys and the secret.
fn accepting(signers: &[&Signer], config: JwtConfig) -> Tokens {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = JwtConfig {
        secret: Some(Secret::new(SECRET)),
        ..config
    };
    for (number, signer) in signers.iter().enumerate() {
        let file = folder.path().join(format!("{number}.pem"));
        std::fs::write(&file, &signer.public_pem).expect("a key file");
        config.key_files.push(file);
    }
    let tokens = Tokens::read(&config).unwrap_or_else(|(key, what)| panic!("{key}: {what}"));
    tokens.expect("keys")
}

async fn user(tokens: &Tokens, token: &str) -> Result<Value, String> {
    match tokens.user(token).await {
        Ok(user) => Ok(user.to_value()),
        Err(Denied::BadToken(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

async fn refusal(tokens: &Tokens, token: &str) -> String {
    match user(tokens, token).await {
        Ok(user) => panic!("accepted as {user}"),
        Err(why) => why,
    }
}

fn everyone() -> [Signer; 4] {
    [
        Signer::hs256(SECRET.as_bytes()),
        Signer::rs256(),
        Signer::es256(),
        Signer::eddsa(),
    ]
}

#[tokio::test]
async fn each_algorithm_names_its_user() {
    let [hs, rs, es, ed] = everyone();
    let tokens = accepting(&[&rs, &es, &ed], JwtConfig::default());
    for signer in [&hs, &rs, &es, &ed] {
        let token = signer.token(json!({"sub": "ann", "role": "editor"}));
        let user = user(&tokens, &token).await.expect(signer.algorithm);
        assert_eq!(
            (&user["id"], &user["role"]),
            (&json!("ann"), &json!("editor"))
        );
    }
}

#[tokio::test]
async fn any_change_of_a_token_makes_it_worthless() {
    let [hs, rs, es, ed] = everyone();
    let tokens = accepting(&[&rs, &es, &ed], JwtConfig::default());
    for signer in [&hs, &rs, &es, &ed] {
        let (ann, bob) = (json!({"sub": "ann"}), json!({"sub": "bob"}));
        let (ann, bob) = (signer.token(ann), signer.token(bob));
        let (head, signature) = ann.rsplit_once('.').expect("three parts");
        let (other, _) = bob.rsplit_once('.').expect("three parts");
        for forged in [
            format!("{other}.{signature}"),
            format!("{head}."),
            head.to_owned(),
        ] {
            refusal(&tokens, &forged).await;
        }
    }
    // A key of the same kind that is not ours.
    let stranger = Signer::es256().token(json!({"sub": "ann"}));
    assert!(
        refusal(&tokens, &stranger)
            .await
            .contains("no key known here")
    );
    for nonsense in ["", ".", "..", "...", "a.b.c", "ü.ü.ü", &"x".repeat(100_000)] {
        refusal(&tokens, nonsense).await;
    }
}

#[tokio::test]
async fn a_key_is_good_for_its_own_algorithm_only() {
    let [_, rs, es, ed] = everyone();
    let tokens = accepting(&[&rs, &es, &ed], JwtConfig::default());
    let claims = json!({"sub": "ann", "exp": now() + 60});
    // The public key, which anybody has, as a secret.
    for signer in [&rs, &es, &ed] {
        let forged = Signer::hs256(signer.public_pem.as_bytes()).token(claims.clone());
        refusal(&tokens, &forged).await;
        let trimmed = Signer::hs256(signer.public_pem.trim().as_bytes()).token(claims.clone());
        refusal(&tokens, &trimmed).await;
    }
    // A good signature under another name.
    for (signer, other) in [
        (&rs, "ES256"),
        (&es, "RS256"),
        (&ed, "HS256"),
        (&rs, "RS512"),
        (&rs, "PS256"),
    ] {
        refusal(
            &tokens,
            &signer.token_with(json!({"alg": other}), claims.clone()),
        )
        .await;
    }
    // No signature at all.
    for none in ["none", "None", "NONE", ""] {
        let head = encoded(json!({"alg": none, "typ": "JWT"}).to_string().as_bytes());
        let token = format!("{head}.{}.", encoded(claims.to_string().as_bytes()));
        refusal(&tokens, &token).await;
    }
    // A header that brings its own key, or asks for what is not understood.
    let own = json!({"alg": "ES256", "jwk": es.jwk("x")});
    refusal(&tokens, &Signer::es256().token_with(own, claims.clone())).await;
    let critical = json!({"alg": "ES256", "crit": ["b64"]});
    refusal(&tokens, &es.token_with(critical, claims)).await;
}

#[tokio::test]
async fn tokens_count_between_their_times() {
    let signer = Signer::hs256(SECRET.as_bytes());
    let config = JwtConfig {
        leeway: Duration::from_secs(100),
        ..JwtConfig::default()
    };
    let tokens = accepting(&[], config);
    let check = async |claims: Value| user(&tokens, &signer.token(claims)).await;
    let now = now();
    assert!(
        check(json!({"sub": "ann", "exp": now - 50})).await.is_ok(),
        "within the leeway"
    );
    assert!(
        check(json!({"sub": "ann", "nbf": now + 50})).await.is_ok(),
        "within the leeway"
    );
    let expired = check(json!({"sub": "ann", "exp": now - 200})).await;
    assert!(expired.is_err_and(|why| why.contains("expired")));
    let early = check(json!({"sub": "ann", "nbf": now + 200})).await;
    assert!(early.is_err_and(|why| why.contains("not valid yet")));
    for never in [json!(null), json!("tomorrow"), json!({})] {
        let forever = check(json!({"sub": "ann", "exp": never})).await;
        assert!(forever.is_err_and(|why| why.contains("`exp`")), "{never}");
    }
    let odd = check(json!({"sub": "ann", "nbf": "yesterday"})).await;
    assert!(odd.is_err_and(|why| why.contains("`nbf`")));
}

#[tokio::test]
async fn issuer_and_audience_count_where_they_are_configured() {
    let signer = Signer::hs256(SECRET.as_bytes());
    let any = accepting(&[], JwtConfig::default());
    let claims = json!({"sub": "ann", "iss": "https://x", "aud": "other"});
    assert!(user(&any, &signer.token(claims)).await.is_ok());
    let config = JwtConfig {
        issuers: vec!["https://login".into()],
        audiences: vec!["chat".into(), "talk".into()],
        ..JwtConfig::default()
    };
    let strict = accepting(&[], config);
    let check = async |iss: Value, aud: Value| {
        let claims = json!({"sub": "ann", "iss": iss, "aud": aud});
        user(&strict, &signer.token(claims)).await
    };
    let login = json!("https://login");
    assert!(check(login.clone(), json!("chat")).await.is_ok());
    assert!(check(login.clone(), json!(["x", "talk"])).await.is_ok());
    for aud in [
        json!("other"),
        json!([]),
        json!(null),
        json!(["x"]),
        json!(1),
    ] {
        assert!(check(login.clone(), aud.clone()).await.is_err(), "{aud}");
    }
    for iss in [json!("https://evil"), json!(null), json!(1)] {
        assert!(check(iss.clone(), json!("chat")).await.is_err(), "{iss}");
    }
}

#[tokio::test]
async fn the_id_is_the_configured_claim_as_text() {
    let signer = Signer::hs256(SECRET.as_bytes());
    let config = JwtConfig {
        user_claim: "uid".into(),
        ..JwtConfig::default()
    };
    let tokens = accepting(&[], config);
    let id = async |uid: Value| {
        let token = signer.token(json!({"sub": "x", "id": "y", "uid": uid}));
        user(&tokens, &token).await.map(|user| user["id"].clone())
    };
    assert_eq!(id(json!("ann")).await, Ok(json!("ann")));
    assert_eq!(id(json!(7)).await, Ok(json!("7")));
    for no_id in [
        json!(""),
        json!(null),
        json!(true),
        json!(["ann"]),
        json!("a\nb"),
    ] {
        assert!(
            id(no_id.clone())
                .await
                .is_err_and(|why| why.contains("`uid`")),
            "{no_id}"
        );
    }
}

#[tokio::test]
async fn a_key_id_chooses_among_keys_that_have_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("keys.json");
    let (one, two) = (Signer::eddsa(), Signer::eddsa());
    let set = json!({"keys": [one.jwk("1"), two.jwk("2")]});
    std::fs::write(&file, set.to_string()).expect("a key set");
    let config = JwtConfig {
        jwks_file: Some(file),
        ..JwtConfig::default()
    };
    let tokens = accepting(&[], config);
    let ann = json!({"sub": "ann"});
    let secret = Signer::hs256(SECRET.as_bytes());
    for good in [
        one.token_by("1", ann.clone()),
        two.token_by("2", ann.clone()),
        two.token(ann.clone()),
        // A key without an id may have signed anything.
        secret.token_by("1", ann.clone()),
    ] {
        assert!(user(&tokens, &good).await.is_ok());
    }
    for bad in [one.token_by("2", ann.clone()), one.token_by("3", ann)] {
        assert!(refusal(&tokens, &bad).await.contains("no key known here"));
    }
}

#[tokio::test]
async fn refusals_say_nothing_of_the_token() {
    let tokens = accepting(&[], JwtConfig::default());
    let signer = Signer::hs256(b"another secret of thirty-two bytes");
    let token = signer.token(json!({"sub": "sesame", "iss": "sesame", "exp": 1}));
    let whys = [
        refusal(&tokens, &token).await,
        refusal(&tokens, "sesame.sesame.sesame").await,
    ];
    assert!(whys.iter().all(|why| !why.contains("sesame")), "{whys:?}");
}

#[test]
fn key_files_must_be_public_keys_that_can_be_used() {
    let private = include_bytes!("../../../tests/support/rsa.pem");
    let error = Key::from_pem(private).expect_err("a private key");
    assert!(error.contains("private key"), "{error}");
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    for wrong in [
        p384.public_key_pem(),
        "sesame".into(),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----".into(),
    ] {
        let error = Key::from_pem(wrong.as_bytes()).expect_err("no key to use");
        assert!(!error.contains("sesame"), "{error}");
    }
    let missing = JwtConfig {
        key_files: vec![Path::new("/no/such/file").into()],
        ..JwtConfig::default()
    };
    let error = Tokens::read(&missing).err().expect("no such file");
    assert!(
        error.0 == "key_files" && error.1.contains("/no/such/file"),
        "{error:?}"
    );
}

#[test]
fn what_is_useless_in_a_set_is_passed_over() {
    let [hs, rs, es, ed] = everyone();
    let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string().into_bytes();
    let mut encrypting = es.jwk("enc");
    encrypting["use"] = "enc".into();
    let mut other = rs.jwk("rs512");
    other["alg"] = "RS512".into();
    let mixed = set(vec![
        hs.jwk("secret"),
        rs.jwk("rsa"),
        encrypting,
        other,
        es.jwk("ec"),
        json!({"kty": "new", "kid": "n"}),
        json!(1),
        ed.jwk("ed"),
    ]);
    let ids = |readers| -> Vec<_> {
        let keys = read_set(&mixed, readers).expect("a set");
        keys.into_iter().filter_map(|key| key.id).collect()
    };
    assert_eq!(ids(Readers::Everybody), ["rsa", "ec", "ed"]);
    assert_eq!(ids(Readers::Operator), ["secret", "rsa", "ec", "ed"]);
    let many = set(vec![es.jwk("x"); 65]);
    for wrong in [
        set(vec![]),
        set(vec![hs.jwk("s")]),
        many,
        b"{}".into(),
        b"<html>".into(),
    ] {
        assert!(read_set(&wrong, Readers::Everybody).is_err());
    }
}
