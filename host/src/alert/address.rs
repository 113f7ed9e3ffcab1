//! Addresses as templates and plugins write them: one or several, separated by commas.

use lettre::message::{Mailbox, Mailboxes};

/// Most recipients of one mail. Who is written to may come from a message: it must not
/// make this server write to half of the world at once.
pub const MOST: usize = 100;

/// Reads a list of addresses; none where there is nothing but commas and blanks.
///
/// # Errors
/// Says which text is no address. Line breaks are refused, not repaired: nobody writes
/// them into an address by mistake.
pub fn several(text: &str) -> Result<Vec<Mailbox>, String> {
    let text = text.trim_matches(|c: char| c == ',' || c.is_whitespace());
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!(
            "{text:?} has the character {control:?}, which no address has"
        ));
    }
    let read: Mailboxes = text
        .parse()
        .map_err(|error| format!("{text:?} is no list of addresses: {error}"))?;
    Ok(read.into_iter().collect())
}

/// Reads exactly one address.
///
/// # Errors
/// As for [`several`].
pub fn one(text: &str) -> Result<Mailbox, String> {
    let mut read = several(text)?.into_iter();
    match (read.next(), read.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(format!("{text:?} is not one address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let read = several(text).expect(text);
        read.iter().map(|one| one.email.to_string()).collect()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(shown("a@example.org"), ["a@example.org"]);
        assert_eq!(
            shown(" Ada <a@example.org>, b@example.org, "),
            ["a@example.org", "b@example.org"]
        );
        assert_eq!(shown(" , "), Vec::<String>::new());
        assert!(one("a@example.org, b@example.org").is_err());
        assert!(one("").is_err());
    }

    #[test]
    fn an_address_brings_no_header_with_it() {
        for text in [
            "a@example.org\r\nBcc: all@example.org",
            "a@example.org\nBcc: all@example.org",
            "Ada\r <a@example.org>",
            "not an address",
            "a@example.org; b@example.org",
            "a@\u{0}example.org",
        ] {
            assert!(several(text).is_err(), "{text:?}");
        }
    }
}
