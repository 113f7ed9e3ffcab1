//! Parts of URLs that come from the command line.

/// Percent-encodes a text for a query value or a path segment.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn encodes_all_but_the_unreserved() {
        assert_eq!(encode("aZ-9._~"), "aZ-9._~");
        assert_eq!(encode("a b/ä?&"), "a%20b%2F%C3%A4%3F%26");
    }
}
