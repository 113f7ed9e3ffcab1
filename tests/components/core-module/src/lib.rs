//! Built for `wasm32-unknown-unknown`, this is a core module with component metadata,
//! which the host turns into a component.

use hookcast_guest::{Call, Json, Prepare, Result, export};

struct CoreModule;

export!(CoreModule: prepare);

impl Prepare for CoreModule {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        message["core"] = true.into();
        Ok(Some(message))
    }
}
