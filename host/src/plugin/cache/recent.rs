//! The components that were loaded last, kept as they run: what comes back soon, by a rollback
//! or another reload, needs neither to be read nor to be checked again.

use std::collections::VecDeque;

use parking_lot::Mutex;
use wasmtime::component::Component;

/// Bytes of machine code that are kept, the last component's always.
const BYTES: usize = 32 << 20;

/// Digests and components, the last one first.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<([u8; 32], Component)>>);

impl Recent {
    /// The component with this digest, if it was loaded lately for this engine.
    pub fn find(&self, engine: &wasmtime::Engine, digest: &[u8; 32]) -> Option<Component> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(known, component)| {
            known == digest && wasmtime::Engine::same(component.engine(), engine)
        })?;
        let found = kept.remove(at)?;
        let component = found.1.clone();
        kept.push_front(found);
        Some(component)
    }

    /// Keeps a component, and lets go of those that were not asked for longest.
    pub fn keep(&self, digest: [u8; 32], component: &Component) {
        let mut bytes = 0;
        let mut kept = self.0.lock();
        kept.push_front((digest, component.clone()));
        let many = kept.iter().take_while(|(_, component)| {
            bytes += size(component);
            bytes <= BYTES
        });
        let many = many.count().max(1);
        let dropped = kept.split_off(many);
        drop(kept);
        // Unmapping takes system calls, which nobody else should wait for.
        drop(dropped);
    }
}

/// Bytes of a component's machine code.
fn size(component: &Component) -> usize {
    let range = component.image_range();
    (range.end as usize).saturating_sub(range.start as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component: magic number, version 13, layer 1.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_was_asked_for_lately_stays() {
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, EMPTY).expect("a component");
        let recent = Recent::default();
        assert!(recent.find(&engine, &[0; 32]).is_none());
        for digest in 0..3 {
            recent.keep([digest; 32], &component);
        }
        assert!(recent.find(&engine, &[0; 32]).is_some());
        assert!(recent.find(&engine, &[9; 32]).is_none());
        let other = wasmtime::Engine::default();
        assert!(
            recent.find(&other, &[0; 32]).is_none(),
            "made for another engine"
        );
    }

    #[test]
    fn the_code_that_is_kept_has_an_end() {
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, EMPTY).expect("a component");
        let recent = Recent::default();
        let room = BYTES / size(&component);
        for number in 0..=room {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
            recent.keep(digest, &component);
        }
        assert!(recent.find(&engine, &[0; 32]).is_none(), "the first went");
        let mut last = [0; 32];
        last[..8].copy_from_slice(&(room as u64).to_le_bytes());
        assert!(recent.find(&engine, &last).is_some());
    }
}
