//! Builds that do the same and have another digest, by a custom section at the end.

/// The name of the section.
const NAME: &[u8] = b"bench";

/// The component with a number in a section that nobody reads.
pub fn numbered(component: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = component.to_vec();
    // Section 0 with its length, then the name with its length. Both are below 128, which
    // makes them one byte of LEB128 each.
    let content = number.to_le_bytes();
    bytes.push(0);
    bytes.push((1 + NAME.len() + content.len()) as u8);
    bytes.push(NAME.len() as u8);
    bytes.extend_from_slice(NAME);
    bytes.extend_from_slice(&content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::Engine;
    use wasmtime::component::Component;

    #[test]
    fn a_numbered_build_is_another_file_and_the_same_component() {
        // The smallest component: magic number, version 13, layer 1.
        let empty = b"\0asm\x0d\0\x01\0";
        let (one, two) = (numbered(empty, 1), numbered(empty, 300));
        assert_ne!(one, two);
        assert_eq!(one.len(), empty.len() + 12);
        for bytes in [one, two] {
            Component::new(&Engine::default(), &bytes).expect("a valid component");
        }
    }
}
