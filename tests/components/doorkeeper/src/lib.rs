//! Misbehaves before a connection is open, told by the query string; fills fields of
//! messages; counts the calls that its instance has had.

use std::process::abort;
use std::sync::atomic::{AtomicU64, Ordering};

use hookcast_guest::{
    Acceptance, Args, Call, Connect, Defaults, Json, Open, Refusal, Rejection, Result, context,
    export, json,
};

struct Doorkeeper;

export!(Doorkeeper: connect, open, defaults);

impl Connect for Doorkeeper {
    /// `_at_connect=loop|trap`.
    fn connect(_: &Call) -> Result<Acceptance, Refusal> {
        misbehave(context::args().get("_at_connect"));
        Ok(Acceptance::default())
    }
}

impl Open for Doorkeeper {
    /// `_at_open=loop|trap|reject`.
    fn open(_: &Call, args: Args) -> Result<Option<Args>> {
        let deed = args.get("_at_open");
        if deed == Some("reject") {
            let rejection = Rejection::new("not_today", "Come back tomorrow.");
            return Err(rejection.with_details(json!({"until": "tomorrow"})));
        }
        misbehave(deed);
        Ok(None)
    }
}

impl Defaults for Doorkeeper {
    type Message = Json;

    /// `mood` is `calm` unless it is given, `n` the number of this instance's call; and
    /// the sender is somebody else, if the host believes it.
    fn defaults(_: &Call, mut message: Json) -> Result<Option<Json>> {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        if message.get("mood").is_none() {
            message["mood"] = "calm".into();
        }
        message["n"] = (CALLS.fetch_add(1, Ordering::Relaxed) + 1).into();
        message["user"] = "somebody else".into();
        Ok(Some(message))
    }
}

fn misbehave(deed: Option<&str>) {
    match deed {
        Some("trap") => abort(),
        Some("loop") => loop {
            std::hint::black_box(());
        },
        _ => {}
    }
}
