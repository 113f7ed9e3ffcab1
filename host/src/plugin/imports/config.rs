//! `wasi:config/store`: the plugin's `config` table, as it was when it was loaded.

use crate::plugin::bindings::wasi::config::store;
use crate::plugin::state::State;

impl store::Host for State {
    fn get(&mut self, key: String) -> Result<Option<String>, store::Error> {
        Ok(self.settings.config.get(&key).cloned())
    }

    fn get_all(&mut self) -> Result<Vec<(String, String)>, store::Error> {
        let all = self.settings.config.iter();
        Ok(all
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}
