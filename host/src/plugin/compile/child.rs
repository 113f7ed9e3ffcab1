//! The server's side of a compiling child: starts it, feeds it, ends it, and says what
//! became of it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::confine::free_processors;
use crate::plugin::codegen;
use crate::plugin::limits::Limits;
use crate::plugin::log::printable;

/// Bytes of what a child says that are kept.
const WORDS: u64 = 64 << 10;

/// A child's code may have this part of its memory: it holds the code more than once
/// itself, and the server should not need as much.
const CODE_SHARE: u64 = 4;

/// Exit codes of the child besides 0.
pub mod exit {
    /// The compiler's words are on standard error.
    pub const PROBLEM: u8 = 1;
    /// What clap makes of a command line that it does not know.
    pub const USAGE: u8 = 2;
    /// The code would not fit the server.
    pub const OTHER_VERSION: u8 = 3;
    /// The limit of memory was reached.
    pub const OUT_OF_MEMORY: u8 = 4;
}

/// Child processes of one executable.
#[derive(Debug)]
pub struct Children {
    program: PathBuf,
    /// How many may run at a time.
    permits: Semaphore,
}

impl Children {
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            permits: Semaphore::new(free_processors()),
        }
    }

    /// Compiles a component for the engine. Waiting for another child to end is not
    /// counted as time of this one.
    pub async fn compile(
        &self,
        engine: &wasmtime::Engine,
        wasm: &[u8],
        limits: &Limits,
    ) -> Result<Vec<u8>, String> {
        let _permit = self.permits.acquire().await.map_err(|e| e.to_string())?;
        let mut command = Command::new(&self.program);
        command
            .arg("compile-plugin")
            .arg("--millis")
            .arg(limits.compile_time.as_millis().to_string())
            .arg("--memory")
            .arg(limits.compile_memory.to_string())
            .arg("--compatibility")
            .arg(codegen::compatibility(engine));
        converse(command, wasm, limits).await
    }
}

/// How many times its limit of processor time a child may take on the clock.
const STALLED: u32 = 4;

/// Runs the command with the component as its input; its output is the answer.
async fn converse(mut command: Command, wasm: &[u8], limits: &Limits) -> Result<Vec<u8>, String> {
    let most = limits.compile_memory as u64 / CODE_SHARE;
    let mut child = command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            let program = command.as_std().get_program().display();
            format!("the compiler's process ({program}) can't be started: {error}")
        })?;
    let (Some(mut input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("the compiler's process has no pipes".into());
    };
    let feed = async move {
        // A child that ends before it has read everything says why itself.
        let _ = input.write_all(wasm).await;
        Ok(())
    };
    let conversation = async {
        let (code, words, ()) = tokio::try_join!(read(output, most), say(errors), feed)?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        Ok((status, code, words))
    };
    // The child ends itself at its limit of processor time; this is for one that does not
    // get any.
    let ended = timeout(limits.compile_time * STALLED, conversation).await;
    let (status, code, words) = match ended {
        Ok(Ok(ended)) => ended,
        Ok(Err(problem)) => {
            end(&mut child).await;
            return Err(problem);
        }
        Err(_) => {
            end(&mut child).await;
            return Err(too_long(limits.compile_time));
        }
    };
    verdict(status, &words, limits)?;
    Ok(code)
}

/// Kills the child and waits until it is gone.
async fn end(child: &mut tokio::process::Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!("a compiler's process was not killed: {error}");
    }
}

/// Reads machine code; more than `most` bytes are an error.
async fn read(pipe: impl AsyncRead + Unpin, most: u64) -> Result<Vec<u8>, String> {
    let mut code = Vec::new();
    let mut pipe = pipe.take(most + 1);
    let all = pipe.read_to_end(&mut code).await;
    all.map_err(|error| format!("the compiler's process can't be read from: {error}"))?;
    if code.len() as u64 > most {
        return Err(format!(
            "its machine code has more than {} MiB, a quarter of `limits.compile_memory`; make the \
             component smaller, or raise the limit",
            most >> 20
        ));
    }
    Ok(code)
}

/// Reads what the child says, and lets it go on when it says too much.
async fn say(mut pipe: impl AsyncRead + Unpin) -> Result<String, String> {
    let mut words = Vec::new();
    let mut first = (&mut pipe).take(WORDS);
    let all = first.read_to_end(&mut words).await;
    all.map_err(|error| format!("the compiler's process can't be read from: {error}"))?;
    // Nobody hears the rest.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    Ok(String::from_utf8_lossy(&words).trim().to_owned())
}

/// What the end of the child means.
fn verdict(status: ExitStatus, words: &str, limits: &Limits) -> Result<(), String> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    // What Rust says when it aborts for this reason.
    let out_of_memory = words.contains("memory allocation of");
    let signal = status.signal().and_then(Signal::from_named_raw);
    match (code, signal) {
        (Some(0), _) => Ok(()),
        (Some(exit::PROBLEM), _) => Err(printable(words)),
        (Some(exit::USAGE | exit::OTHER_VERSION), _) => Err(
            "this server's executable was exchanged for another version while it runs; restart \
             the server"
                .into(),
        ),
        (Some(exit::OUT_OF_MEMORY), _) => Err(too_large(limits.compile_memory)),
        (_, Some(Signal::XCPU)) => Err(too_long(limits.compile_time)),
        (_, Some(Signal::ABORT)) if out_of_memory => Err(too_large(limits.compile_memory)),
        (_, Some(Signal::KILL)) => Err(
            "the compiler's process was killed (SIGKILL), by someone or because the machine ran \
             out of memory; try again, or find the reason in the kernel's log"
                .into(),
        ),
        _ => Err(format!(
            "the compiler crashed ({status}) on this component: {}. Nothing else is affected; \
             build the component with another toolchain, and report the crash",
            printable(words)
        )),
    }
}

fn too_large(limit: usize) -> String {
    format!(
        "compiling it needs more than {} MiB of memory (`limits.compile_memory`); make the \
         component smaller, or raise the limit",
        limit >> 20
    )
}

fn too_long(limit: Duration) -> String {
    format!(
        "compiling it takes longer than {limit:?} of processor time (`limits.compile_time`); make the component smaller \
         (release mode, fewer dependencies), or raise the limit"
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// What becomes of a child that is this shell script.
    async fn child(script: &str, limits: Limits) -> Result<Vec<u8>, String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        converse(command, &vec![7; 1 << 20], &limits).await
    }

    fn patient() -> Limits {
        Limits {
            compile_time: Duration::from_secs(600),
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn a_child_answers_with_what_it_was_sent() {
        let echoed = child("exec /bin/cat", patient()).await;
        assert_eq!(echoed, Ok(vec![7; 1 << 20]));
    }

    #[tokio::test]
    async fn the_end_of_a_child_is_told_for_what_it_is() {
        for (script, says) in [
            ("echo no such type >&2; exit 1", "no such type"),
            ("exit 2", "restart the server"),
            ("exit 3", "restart the server"),
            ("exit 4", "limits.compile_memory"),
            ("echo boom >&2; exit 101", "crashed (exit status: 101)"),
            ("echo boom >&2; exit 101", "boom"),
            ("kill -SEGV $$", "crashed (signal: 11"),
            ("kill -KILL $$", "SIGKILL"),
            (
                "echo memory allocation of 8 bytes failed >&2; kill -ABRT $$",
                "limits.compile_memory",
            ),
            ("kill -ABRT $$", "crashed (signal: 6"),
            // It reads nothing, and says more than anyone wants to hear.
            (
                "/bin/dd if=/dev/zero bs=1024 count=4096 >&2 2>/dev/null; exit 9",
                "crashed",
            ),
        ] {
            let told = child(script, patient()).await.expect_err(script);
            assert!(told.contains(says), "{script}: {told}");
            assert!(told.len() < 10_000, "{script}: {} bytes", told.len());
        }
    }

    #[tokio::test]
    async fn a_child_that_never_ends_is_ended() {
        let limits = Limits {
            compile_time: Duration::from_millis(50),
            ..Limits::default()
        };
        let told = child("exec /bin/sleep 1000", limits).await;
        let told = told.expect_err("too long");
        assert!(told.contains("longer than 50ms"), "{told}");
        let limits = Limits {
            compile_memory: 4 << 20,
            ..patient()
        };
        let told = child("exec /bin/cat /dev/zero", limits).await;
        let told = told.expect_err("too much");
        assert!(told.contains("more than 1 MiB"), "{told}");
    }

    #[tokio::test]
    async fn children_wait_for_each_other() {
        let engine = wasmtime::Engine::new(&codegen::config()).expect("an engine");
        let children = Children::new("/nowhere/hookcast".into());
        let limits = patient();
        let mut waiting = Box::pin(children.compile(&engine, &[], &limits));
        let all = u32::try_from(free_processors()).expect("a few");
        let others = children.permits.acquire_many(all).await.expect("all");
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(others);
        let told = waiting.await.expect_err("there is no such program");
        assert!(told.contains("/nowhere/hookcast"), "{told}");
    }
}
