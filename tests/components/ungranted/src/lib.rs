//! A plugin that also imports an interface which no host has: must be refused, by name,
//! before it runs.

use hookcast_guest::{Call, Json, Prepare, Result, export};

wit_bindgen::generate!({
    inline: "
        package hookcast:nothing;

        interface here {
            secret: func() -> string;
        }

        world ungranted {
            import here;
        }
    ",
});

struct Ungranted;

export!(Ungranted: prepare);

impl Prepare for Ungranted {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        message["secret"] = hookcast::nothing::here::secret().into();
        Ok(Some(message))
    }
}
