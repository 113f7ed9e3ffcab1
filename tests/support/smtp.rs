//! A real SMTP server: aiosmtpd, from Python's package index, in an environment of its own
//! in the target folder.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;
use tempfile::TempDir;

use super::{eventually, require};

const PACKAGE: &str = "aiosmtpd==1.4.6";

/// A server on 127.0.0.1 that keeps what it takes.
pub struct SmtpServer {
    pub port: u16,
    folder: TempDir,
    tls: Option<&'static str>,
    process: Option<Child>,
}

/// A mail that arrived.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// Of its envelope.
    pub from: String,
    pub to: Vec<String>,
    /// As it was sent.
    pub text: String,
}

impl SmtpServer {
    /// None where there is no aiosmtpd: then `test` counts as skipped.
    pub fn start(test: &str) -> Option<Self> {
        Self::with(test, None)
    }

    /// With a certificate for `localhost`, and a user who has to log in. `kind` is
    /// `starttls` or `smtps`. The authority's certificate is [`Self::roots`].
    pub fn start_tls(test: &str, kind: &'static str) -> Option<Self> {
        Self::with(test, Some(kind))
    }

    fn with(test: &str, tls: Option<&'static str>) -> Option<Self> {
        if !require::or_skip(test, environment().as_ref().err().cloned()) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        if tls.is_some() {
            write_certificate(folder.path());
        }
        // Whoever asks for a port in this moment gets another one.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut server = Self {
            port,
            folder,
            tls,
            process: None,
        };
        server.start_again();
        Some(server)
    }

    /// Starts it where it was, with what it has taken so far.
    pub fn start_again(&mut self) {
        let python = environment().as_ref().expect("an environment");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/mail_server.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(self.port.to_string())
            .arg(self.file());
        if let Some(kind) = self.tls {
            let file = |name: &str| self.folder.path().join(name);
            command
                .args([file("certificate.pem"), file("key.pem")])
                .arg(kind);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python");
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "ready", "the SMTP server did not start");
        self.process = Some(process);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("mails")
    }

    /// What has arrived so far, in order.
    pub fn mails(&self) -> Vec<Mail> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        // The last line may be half written.
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).expect("a mail"))
            .collect()
    }

    /// Waits until so many have arrived.
    pub async fn has(&self, count: usize) -> Vec<Mail> {
        eventually(&format!("{count} mails to arrive"), async || {
            Some(self.mails()).filter(|mails| mails.len() >= count)
        })
        .await
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Mail {
    /// A header, unfolded; empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let mut lines = head.lines();
        let line = lines.find(|line| line.to_lowercase().starts_with(&prefix));
        line.map_or(String::new(), |line| line[prefix.len()..].trim().to_owned())
    }

    /// The text with what quoted-printable has done to it undone, as far as tests look.
    pub fn plain(&self) -> String {
        self.text
            .replace("=\r\n", "")
            .replace("=3D", "=")
            .replace("\r\n", "\n")
    }
}

/// Python with aiosmtpd, or why there is none. Made once.
fn environment() -> &'static Result<PathBuf, String> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aiosmtpd");
        let python = folder.join("bin/python");
        let works = |python: &Path| run(Command::new(python).args(["-c", "import aiosmtpd"]));
        if works(&python).is_err() {
            run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder))?;
            let install = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ];
            run(Command::new(&python).args(install).arg(PACKAGE))?;
        }
        Ok(python)
    })
}

fn run(command: &mut Command) -> Result<(), String> {
    let lacks = "needs Python 3 with `venv` and aiosmtpd from its package index";
    let output = command
        .output()
        .map_err(|error| format!("{lacks}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{lacks}: {last}"))
}

fn write_certificate(folder: &Path) {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(authority, key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("authority.pem", authority.pem());
    write("certificate.pem", certificate.pem());
    write("key.pem", key.serialize_pem());
}
