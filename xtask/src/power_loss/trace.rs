//! Reads what strace wrote of a server: the calls that change files or send on a socket, in the order in which they began
//! and ended. Knows no files.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Calls that change files, and calls that may send an answer. Those that the server does not make today are here to be
/// noticed when it does.
pub(super) const CALLS: &str = "trace=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,\
    sync_file_range,truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,unlink,unlinkat,rename,renameat,\
    renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,sendto,sendmsg,io_uring_setup";

/// Bytes of a string that strace writes. The server writes pages of 4 KiB.
pub(super) const MAX_STRING: usize = 1 << 16;

/// Longest wait until strace has written what it saw of a server that has ended.
const DEADLINE: Duration = Duration::from_secs(120);

/// A call of one thread begins or has succeeded.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) thread: u32,
    pub(super) phase: Phase,
    pub(super) call: Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Begins,
    Ends,
}

/// What a call does, as far as a disk or a client learns of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Open {
        path: PathBuf,
        creates: bool,
        truncates: bool,
    },
    Write {
        path: PathBuf,
        at: u64,
        data: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: u64,
    },
    /// Of a file or a folder.
    Sync(PathBuf),
    Remove(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    MakeFolder(PathBuf),
    /// On a socket.
    Send(Vec<u8>),
    /// Any other one, with the files that it names.
    Other {
        name: String,
        paths: Vec<PathBuf>,
    },
}

/// A call as it is written: `name(args) = result`.
struct Line {
    name: String,
    args: Vec<Arg>,
    /// `None` as long as it runs, and of one that the end of the process cut off.
    result: Option<i64>,
}

#[derive(Debug, Default)]
struct Arg {
    /// What is neither a string nor the file of a descriptor.
    text: Vec<u8>,
    /// All strings in it, decoded.
    string: Vec<u8>,
    /// The file of a descriptor.
    file: Vec<u8>,
    /// strace has left out the end of a string.
    is_cut: bool,
}

/// The steps of a run that has ended, once strace has written all of them.
pub(super) async fn read(file: &Path, process: u32) -> Result<Vec<Step>> {
    let start = Instant::now();
    while !is_complete(&std::fs::read(file)?, process) {
        ensure!(start.elapsed() < DEADLINE, "strace does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let (mut steps, mut begun, mut line) = (Vec::new(), HashMap::new(), Vec::new());
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let start = || String::from_utf8_lossy(text.get(..300).unwrap_or(text)).into_owned();
        add_steps(text, &mut begun, &mut steps).with_context(|| format!("strace has written {}", start()))?;
        line.clear();
    }
    Ok(steps)
}

fn is_complete(text: &[u8], process: u32) -> bool {
    // Calls that other threads were in come after it, with all that they were writing.
    let tail = text.get(text.len().saturating_sub(4 << 20)..).unwrap_or_default();
    // strace fills ids up to five characters.
    let ended = format!("\n{process:<5} +++ ");
    memchr::memmem::find(tail, ended.as_bytes()).is_some() && text.ends_with(b"+++\n")
}

/// `begun`: the beginnings of calls that others have interrupted, by thread.
fn add_steps(line: &[u8], begun: &mut HashMap<u32, Vec<u8>>, steps: &mut Vec<Step>) -> Result<()> {
    let space = memchr::memchr(b' ', line).context("no thread")?;
    let (thread, rest) = line.split_at(space);
    let thread = str::from_utf8(thread)?.parse()?;
    let rest = rest.trim_ascii_start();
    let mut add = |phase, line: &Line| -> Result<()> {
        steps.push(Step { thread, phase, call: line.call()? });
        Ok(())
    };
    if rest.starts_with(b"---") || rest.starts_with(b"+++") {
        return Ok(());
    }
    if let Some(beginning) = rest.strip_suffix(b"<unfinished ...>") {
        begun.insert(thread, beginning.to_vec());
        return add(Phase::Begins, &Line::parse(beginning)?);
    }
    let line = match rest.strip_prefix(b"<... ") {
        Some(resumed) => {
            let end = memchr::memmem::find(resumed, b" resumed>").context("a call that does not resume")?;
            let mut whole = begun.remove(&thread).context("a call that did not begin")?;
            whole.extend_from_slice(resumed.get(end + 9..).unwrap_or_default());
            Line::parse(&whole)?
        }
        None => {
            let line = Line::parse(rest)?;
            add(Phase::Begins, &line)?;
            line
        }
    };
    if line.result.is_some_and(|result| result >= 0) { add(Phase::Ends, &line) } else { Ok(()) }
}

impl Line {
    fn parse(text: &[u8]) -> Result<Self> {
        let open = memchr::memchr(b'(', text).context("no arguments")?;
        let (name, rest) = text.split_at(open);
        let mut rest = rest.get(1..).unwrap_or_default();
        let args = parse_args(&mut rest);
        let result = rest.trim_ascii_start().strip_prefix(b"= ").map(<[u8]>::trim_ascii_start);
        let digits = |text: &[u8]| {
            let end = text.iter().skip(1).position(|byte| !byte.is_ascii_digit());
            str::from_utf8(text.get(..end.map_or(text.len(), |end| end + 1))?).ok()?.parse().ok()
        };
        Ok(Self { name: str::from_utf8(name)?.to_owned(), args, result: result.and_then(digits) })
    }

    fn call(&self) -> Result<Call> {
        let path =
            |nth: usize| Ok::<_, anyhow::Error>(PathBuf::from(str::from_utf8(&self.arg(nth)?.string)?));
        Ok(match self.name.as_str() {
            "open" | "creat" => self.open(path(0)?, 1)?,
            "openat" => self.open(path(1)?, 2)?,
            "pwrite64" => Call::Write { path: self.file()?, at: self.number(3)?, data: self.written()? },
            "write" | "writev" | "sendto" | "sendmsg" if self.is_socket()? => {
                Call::Send(self.arg(1)?.string.clone())
            }
            "ftruncate" => Call::Truncate { path: self.file()?, length: self.number(1)? },
            "truncate" => Call::Truncate { path: path(0)?, length: self.number(1)? },
            "fsync" | "fdatasync" => Call::Sync(self.file()?),
            "unlink" => Call::Remove(path(0)?),
            "unlinkat" => Call::Remove(path(1)?),
            "rename" => Call::Rename { from: path(0)?, to: path(1)? },
            "renameat" | "renameat2" => Call::Rename { from: path(1)?, to: path(3)? },
            "mkdir" => Call::MakeFolder(path(0)?),
            "mkdirat" => Call::MakeFolder(path(1)?),
            name => {
                let files = self.args.iter().flat_map(|arg| [&arg.string, &arg.file]);
                let paths =
                    files.filter_map(|file| Some(PathBuf::from(str::from_utf8(file).ok()?))).collect();
                Call::Other { name: name.to_owned(), paths }
            }
        })
    }

    fn open(&self, path: PathBuf, flags: usize) -> Result<Call> {
        let flags = &self.arg(flags)?.text;
        let has = |flag: &str| memchr::memmem::find(flags, flag.as_bytes()).is_some() || self.name == "creat";
        Ok(Call::Open { path, creates: has("O_CREAT"), truncates: has("O_TRUNC") })
    }

    /// What was written, which may be less than what was to be.
    fn written(&self) -> Result<Vec<u8>> {
        let arg = self.arg(1)?;
        ensure!(!arg.is_cut, "a write of more than {MAX_STRING} bytes");
        let count = self.result.and_then(|count| usize::try_from(count).ok()).unwrap_or(arg.string.len());
        Ok(arg.string.get(..count).unwrap_or(&arg.string).to_vec())
    }

    fn is_socket(&self) -> Result<bool> {
        Ok(self.arg(0)?.file.starts_with(b"socket:"))
    }

    /// The file of the first argument.
    fn file(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(str::from_utf8(&self.arg(0)?.file)?))
    }

    fn number(&self, nth: usize) -> Result<u64> {
        Ok(str::from_utf8(&self.arg(nth)?.text)?.trim().parse()?)
    }

    fn arg(&self, nth: usize) -> Result<&Arg> {
        self.args.get(nth).with_context(|| format!("{} without argument {nth}", self.name))
    }
}

/// Parses as far as the bracket that closes the arguments. One that is still to come may be missing.
fn parse_args(rest: &mut &[u8]) -> Vec<Arg> {
    let (mut args, mut depth) = (vec![Arg::default()], 0_u32);
    while let Some((&byte, after)) = rest.split_first() {
        *rest = after;
        let Some(arg) = args.last_mut() else { break };
        match byte {
            b'"' => parse_string(rest, &mut arg.string),
            b'<' => {
                let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
                arg.file.extend_from_slice(rest.get(..end).unwrap_or_default());
                *rest = rest.get(end + 1..).unwrap_or_default();
            }
            b',' if depth == 0 => args.push(Arg::default()),
            b')' if depth == 0 => break,
            b'.' if rest.starts_with(b"..") => {
                arg.is_cut = true;
                *rest = rest.get(2..).unwrap_or_default();
            }
            _ => {
                depth = match byte {
                    b'(' | b'[' | b'{' => depth + 1,
                    b')' | b']' | b'}' => depth.saturating_sub(1),
                    _ => depth,
                };
                arg.text.push(byte);
            }
        }
    }
    args
}

/// Decodes as far as the closing quote: C escapes, with octal numbers of one to three digits.
fn parse_string(rest: &mut &[u8], into: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        let is_end = rest.get(at) == Some(&b'"');
        *rest = rest.get(at + 1..).unwrap_or_default();
        if is_end {
            return;
        }
        let digits = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if let Some(octal) = rest.get(..digits).filter(|octal| !octal.is_empty()) {
            into.push(
                octal.iter().fold(0, |value: u8, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')),
            );
            *rest = rest.get(digits..).unwrap_or_default();
        } else if let Some((&letter, after)) = rest.split_first() {
            into.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 0x0b,
                b'f' => 0x0c,
                other => other,
            });
            *rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(lines: &[&str]) -> Vec<(u32, Phase, Call)> {
        let (mut steps, mut begun) = (Vec::new(), HashMap::new());
        for line in lines {
            add_steps(line.as_bytes(), &mut begun, &mut steps).unwrap();
        }
        steps.into_iter().map(|step| (step.thread, step.phase, step.call)).collect()
    }

    fn ended(line: &str) -> Call {
        let steps = steps(&[line]);
        assert_eq!(steps.iter().map(|step| step.1).collect::<Vec<_>>(), [Phase::Begins, Phase::Ends]);
        steps.last().unwrap().2.clone()
    }

    #[test]
    fn calls_are_read_with_their_files_and_bytes() {
        let data = b"a\0b\x0112\"\\\n)<".to_vec();
        assert_eq!(
            ended(r#"7 pwrite64(13</d/log.sqlite-wal>, "a\0b\00112\"\\\n)<", 11, 4152) = 11"#),
            Call::Write { path: "/d/log.sqlite-wal".into(), at: 4152, data }
        );
        assert_eq!(
            ended(
                r#"7 openat(AT_FDCWD</here>, "/here/d/lock", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 11</here/d/lock>"#
            ),
            Call::Open { path: "/here/d/lock".into(), creates: true, truncates: true }
        );
        assert_eq!(ended("7 fsync(5</d>)       = 0"), Call::Sync("/d".into()));
        assert_eq!(
            ended(r#"7 sendto(33<socket:[39481]>, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17"#),
            Call::Send(b"HTTP/1.1 200 OK\r\n".to_vec())
        );
        assert_eq!(
            ended(
                r#"7 writev(9<socket:[1]>, [{iov_base="HTTP", iov_len=4}, {iov_base="/1", iov_len=2}], 2) = 6"#
            ),
            Call::Send(b"HTTP/1".to_vec())
        );
    }

    #[test]
    fn a_call_that_others_interrupt_ends_where_it_resumes() {
        let steps = steps(&[
            "7 fsync(5</d/a> <unfinished ...>",
            r#"8 pwrite64(6</d/b>, "xy", 2, 0 <unfinished ...>"#,
            "7 <... fsync resumed>) = 0",
            "8 <... pwrite64 resumed>)           = 1",
            "8 +++ killed by SIGKILL +++",
        ]);
        let (sync, write) = (Call::Sync("/d/a".into()), |data: &str| Call::Write {
            path: "/d/b".into(),
            at: 0,
            data: data.into(),
        });
        let expected = [
            (7, Phase::Begins, sync.clone()),
            (8, Phase::Begins, write("xy")),
            (7, Phase::Ends, sync),
            (8, Phase::Ends, write("x")),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_server_has_ended_when_all_its_threads_have() {
        let killed = "+++ killed by SIGKILL +++\n";
        for (process, column) in [(7, "7    "), (71_234, "71234")] {
            let one = format!("{column} fsync(5</d>) = 0\n{column} {killed}");
            assert!(is_complete(one.as_bytes(), process), "{one}");
            let other = format!("{one}81234 <... fsync resumed>) = ?\n");
            assert!(!is_complete(other.as_bytes(), process), "{other}");
            assert!(is_complete(format!("{other}81234 {killed}").as_bytes(), process));
            assert!(!is_complete(format!("{column} fsync(5</d>) = 0\n81234 {killed}").as_bytes(), process));
        }
    }

    #[test]
    fn a_call_that_failed_or_was_cut_off_does_not_end() {
        let begins =
            |line| assert_eq!(steps(&[line]).iter().map(|step| step.1).collect::<Vec<_>>(), [Phase::Begins]);
        begins("7 fsync(5</d/a>) = -1 EIO (Input/output error)");
        begins("7 fsync(5</d/a>) = ?");
    }
}
