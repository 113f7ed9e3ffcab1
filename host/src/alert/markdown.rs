//! Markdown to HTML that does no harm: what is put into it may come from anybody.
//!
//! The renderer itself writes only tags that Markdown knows. Raw HTML becomes text, and
//! links go only where a click can't run anything.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, html};

/// Schemes that links and images may have, `cid` for the mail's own images.
const SCHEMES: &[&str] = &["http", "https", "mailto", "cid"];

pub fn to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(markdown, options).map(harmless);
    let mut written = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut written, events);
    written
}

fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            dest_url: destination(link_type, dest_url),
            link_type,
            title,
            id,
        }),
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Image {
            dest_url: destination(link_type, dest_url),
            link_type,
            title,
            id,
        }),
        other => other,
    }
}

/// Where a link goes, or nowhere. Without a scheme there is nothing that a mail's link
/// could be relative to.
fn destination(kind: LinkType, url: CowStr<'_>) -> CowStr<'_> {
    // The renderer puts `mailto:` before it.
    if kind == LinkType::Email {
        return url;
    }
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    let known =
        scheme.is_some_and(|scheme| SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()));
    if known { url } else { "".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let html = to_html("# Hi\n\n*a* [b](https://example.org) ![c](cid:logo)\n\n|x|\n|-|\n|y|");
        for part in [
            "<h1>Hi</h1>",
            "<em>a</em>",
            "<a href=\"https://example.org\">b</a>",
            "<img src=\"cid:logo\"",
            "<td>y</td>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn html_and_scripts_stay_text() {
        for markdown in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html,<script>)",
            "![x](\u{1}javascript:alert(1))",
            "<javascript:alert(1)>",
            "<div>\n\n[x](vbscript:y)\n\n</div>",
        ] {
            let html = to_html(markdown).to_lowercase();
            for tag in [
                "<script",
                "<img src=x",
                "<div",
                "href=\"j",
                "href=\"d",
                "href=\"v",
            ] {
                assert!(!html.contains(tag), "{markdown}: {html}");
            }
        }
    }
}
