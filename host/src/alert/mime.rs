//! A letter as a mail: headers, parts, files.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use super::failure::{Failure, Kind};
use super::letter::Letter;

/// Bytes of a mail's images and attachments.
const FILES: u64 = 25 << 20;

/// Makes the mail. The same letter with the same `id` and time makes the same mail, its
/// boundaries aside. `time` is microseconds since 1970-01-01 UTC.
///
/// # Errors
/// A file can't be read, or together they are too large.
pub async fn message(
    letter: &Letter,
    service: &Mailbox,
    id: &str,
    time: i64,
) -> Result<Message, Failure> {
    let from = letter.from.as_ref().unwrap_or(service);
    let date = UNIX_EPOCH + Duration::from_micros(u64::try_from(time).unwrap_or(0));
    let mut builder = Message::builder()
        .message_id(Some(message_id(id, service)))
        .date(date)
        // Answering machines do not answer what says this.
        .raw_header(automatic());
    builder = match &letter.on_behalf_of {
        Some(other) => builder.from(other.clone()).sender(from.clone()),
        None => builder.from(from.clone()),
    };
    for one in &letter.to {
        builder = builder.to(one.clone());
    }
    for one in &letter.cc {
        builder = builder.cc(one.clone());
    }
    for one in &letter.bcc {
        builder = builder.bcc(one.clone());
    }
    for one in &letter.reply_to {
        builder = builder.reply_to(one.clone());
    }
    builder = builder.subject(letter.subject.clone());
    let mut room = FILES;
    let body = body(letter, &mut room).await?;
    let built = if letter.attachments.is_empty() {
        match body {
            Body::Single(part) => builder.singlepart(part),
            Body::Multi(parts) => builder.multipart(parts),
        }
    } else {
        let mixed = MultiPart::mixed();
        let mut parts = match body {
            Body::Single(part) => mixed.singlepart(part),
            Body::Multi(parts) => mixed.multipart(parts),
        };
        for path in &letter.attachments {
            let name = path.file_name().unwrap_or(path.as_os_str());
            let attachment = Attachment::new(name.to_string_lossy().into_owned());
            let bytes = file("attachment", path, &mut room).await?;
            parts = parts.singlepart(attachment.body(bytes, content_type(path)));
        }
        builder.multipart(parts)
    };
    built.map_err(|error| Failure::new(Kind::Final, format!("no mail can be made of it: {error}")))
}

/// The Message-ID of an alert. Its domain is the mail service's, whoever the mail is from.
fn message_id(id: &str, service: &Mailbox) -> String {
    format!("<{id}@{}>", service.email.domain())
}

fn automatic() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

enum Body {
    Single(SinglePart),
    Multi(MultiPart),
}

/// Text, HTML or both, with the images that the HTML shows.
async fn body(letter: &Letter, room: &mut u64) -> Result<Body, Failure> {
    let text = letter.text.clone().map(SinglePart::plain);
    let Some(html) = letter.html.clone().map(SinglePart::html) else {
        let empty = || SinglePart::plain(String::new());
        return Ok(Body::Single(text.unwrap_or_else(empty)));
    };
    if letter.images.is_empty() {
        return Ok(match text {
            Some(text) => Body::Multi(MultiPart::alternative().singlepart(text).singlepart(html)),
            None => Body::Single(html),
        });
    }
    let mut related = MultiPart::related().singlepart(html);
    for image in &letter.images {
        let bytes = file("image", &image.path, room).await?;
        let inline = Attachment::new_inline(image.cid.clone());
        related = related.singlepart(inline.body(bytes, content_type(&image.path)));
    }
    Ok(Body::Multi(match text {
        Some(text) => MultiPart::alternative().singlepart(text).multipart(related),
        None => related,
    }))
}

/// Reads a file when the mail is made, so that it is the one of this moment. One that is
/// missing may be there the next time.
async fn file(what: &str, path: &Path, room: &mut u64) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let read = async {
        let bytes = tokio::fs::metadata(path).await?.len();
        if bytes > *room {
            return Ok(None);
        }
        *room -= bytes;
        tokio::fs::read(path).await.map(Some)
    };
    match read.await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let message =
                format!("the files of the mail have more than {FILES} bytes with {shown}");
            Err(Failure::new(Kind::Final, message))
        }
        Err(error) => {
            let message = format!("the {what} {shown} can't be read: {error}");
            Err(Failure::new(Kind::Refused, message))
        }
    }
}

/// By the name's end; what mail programs show themselves must be right, all else is bytes.
fn content_type(path: &Path) -> ContentType {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or("");
    let name = match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "csv" => "text/csv",
        "txt" | "log" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "json" => "application/json",
        "zip" => "application/zip",
        "ics" => "text/calendar",
        _ => "application/octet-stream",
    };
    ContentType::parse(name).unwrap_or(ContentType::TEXT_PLAIN)
}
