//! Several alerts of one recipient as one mail.

use lettre::message::Mailbox;

use super::letter::Letter;
use super::template::OUTPUT;

/// Most alerts in one mail. Those beyond it are in the next.
pub const MOST: usize = 500;

/// Makes one letter of several, in their order; `letters` is not empty. It goes to this
/// recipient and nobody else.
pub fn together(mut letters: Vec<Letter>, recipient: Mailbox) -> Letter {
    let count = letters.len();
    let mut all = match letters.is_empty() {
        true => Letter::default(),
        false => letters.remove(0),
    };
    all.to = vec![recipient];
    all.cc.clear();
    all.bcc.clear();
    if letters.is_empty() {
        return all;
    }
    let mut text = all.text.take().unwrap_or_else(|| all.subject.clone());
    let mut html = all.html.take();
    for letter in letters {
        let words = letter.text.as_ref().unwrap_or(&letter.subject);
        // What finds no room is counted in the subject.
        if text.len() + words.len() > OUTPUT {
            break;
        }
        text.push_str("\n\n----\n\n");
        text.push_str(words);
        if let (Some(html), Some(more)) = (&mut html, &letter.html)
            && html.len() + more.len() <= OUTPUT
        {
            html.push_str("\n<hr>\n");
            html.push_str(more);
        }
    }
    all.subject = format!("{count} alerts: {}", all.subject);
    all.text = Some(text);
    all.html = html;
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_one_and_one_stays_as_it_is() {
        let letter = |text: &str| Letter {
            subject: format!("About {text}"),
            text: Some(text.into()),
            html: Some(format!("<p>{text}</p>")),
            ..Letter::default()
        };
        let recipient: Mailbox = "a@example.org".parse().expect("an address");
        let one = together(vec![letter("x")], recipient.clone());
        assert_eq!((one.subject.as_str(), one.to.len()), ("About x", 1));

        let two = together(vec![letter("x"), letter("y")], recipient);
        assert_eq!(two.subject, "2 alerts: About x");
        assert_eq!(two.text.as_deref(), Some("x\n\n----\n\ny"));
        assert_eq!(two.html.as_deref(), Some("<p>x</p>\n<hr>\n<p>y</p>"));
    }
}
