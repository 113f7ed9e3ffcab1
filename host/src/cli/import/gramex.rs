//! A whole gramex.yaml: its MessageHandler entries, and what they use of the rest.

use super::address;
use super::endpoint::{Endpoint, Others};
use super::mail::{self, Service};
use super::notes::Notes;
use super::yaml::{Entry, Node};

/// What the file becomes.
#[derive(Debug)]
pub struct Imported {
    pub endpoints: Vec<Endpoint>,
    /// URL of the database.
    pub storage: Option<String>,
    pub services: Vec<Service>,
    /// Notes of what concerns all endpoints.
    pub notes: Notes,
}

impl Imported {
    pub fn read(root: &Node) -> Self {
        let mut imported = Self {
            endpoints: Vec::new(),
            storage: None,
            services: Vec::new(),
            notes: Notes::default(),
        };
        imported.read_services(root);
        for section in root.entries() {
            // Such a section applies under a condition: `url if CONDITION`.
            let (name, condition) = section.key.split_once(" if ").unwrap_or((&section.key, ""));
            match name {
                "url" => imported.read_urls(section),
                "import" => imported.notes.check(
                    section.line,
                    "`import`: what other files have is not read; import each of them",
                ),
                "alert" => imported.notes.no_equivalent(
                    section.line,
                    "`alert` at the top: alerts here are those of messages",
                ),
                _ => {}
            }
            if name == "url" && !condition.is_empty() {
                let what = format!("`{}` is taken as if the condition were true", section.key);
                imported.notes.check(section.line, what);
            }
        }
        imported.choose_storage();
        imported.keep_services();
        imported
    }

    fn read_urls(&mut self, section: &Entry) {
        for entry in section.node.entries() {
            if is_message_handler(entry) {
                let others = Others {
                    endpoints: &self.endpoints,
                    services: &self.services,
                };
                let endpoint = Endpoint::read(entry, &others);
                self.endpoints.push(endpoint);
            }
        }
    }

    /// All endpoints are in one database; the first one's is it.
    fn choose_storage(&mut self) {
        for endpoint in &mut self.endpoints {
            let Some((url, line)) = endpoint.database.clone() else {
                continue;
            };
            match address::database(&url) {
                None => {
                    let what = format!("`url: {}`: only files of SQLite can be used", masked(&url));
                    endpoint.notes.no_equivalent(line, what);
                }
                Some(url) if self.storage.as_ref().is_none_or(|first| *first == url) => {
                    self.storage = Some(url);
                }
                Some(url) => {
                    let what =
                        format!("`url`: this endpoint's table was in {url}, another database");
                    endpoint.notes.no_equivalent(line, what);
                }
            }
        }
        if let Some(storage) = &self.storage {
            let what = format!(
                "the database is {storage}, as seen from where the server is started; it gets \
                 tables of the server's own beside yours: try with a copy first"
            );
            let line = self.endpoints.first().map_or(1, |endpoint| endpoint.line);
            self.notes.check(line, what);
        }
    }

    fn read_services(&mut self, root: &Node) {
        let Some(email) = root.get("email") else {
            return;
        };
        for entry in email.node.entries() {
            match Service::read(entry) {
                Some(service) => self.services.push(service),
                None => {
                    let what = format!("the mail service `{}`: write [mail.NAME]", entry.key);
                    self.notes.no_equivalent(entry.line, what);
                }
            }
        }
    }

    /// Mail services are for alerts: all that there are, or none.
    fn keep_services(&mut self) {
        let alerting = self.endpoints.iter().find(|endpoint| endpoint.alerts);
        let Some(line) = alerting.map(|endpoint| endpoint.line) else {
            self.services.clear();
            return;
        };
        if self.services.is_empty() {
            self.services.push(mail::placeholder());
            let what = "there is no mail service under `email`: [mail.log] writes mails to the \
                        log and sends none; put your server there";
            self.notes.check(line, what);
        }
        for service in &self.services {
            if let Some(variable) = &service.variable {
                let what = format!(
                    "the mail service `{}`: its password is read from the environment, {variable}",
                    service.name
                );
                self.notes.check(service.line, what);
            }
        }
    }
}

fn is_message_handler(entry: &Entry) -> bool {
    let handler = entry
        .node
        .get("handler")
        .and_then(|handler| handler.node.text());
    handler.is_some_and(|handler| handler.rsplit('.').next() == Some("MessageHandler"))
}

/// A URL without its password.
fn masked(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return "…".to_owned();
    };
    if url.password().is_some() && url.set_password(Some("hidden")).is_err() {
        return "…".to_owned();
    }
    url.to_string()
}
