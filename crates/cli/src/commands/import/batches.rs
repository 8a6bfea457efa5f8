//! Batches of lines of a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::journal::Progress;
use crate::failure::Failure;

/// Lines per request; the server accepts twice as many.
const LINES: u64 = 500;
/// Size in bytes after which a batch takes no further line.
const BYTES: usize = 2 * 1024 * 1024;
/// Maximum length of a line in bytes. With it, a batch stays below the 4 MiB of a request.
const LINE_BYTES: u64 = 1024 * 1024;

/// Consecutive lines of the file.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// Number of lines of the file before the first one.
    pub lines_before: u64,
    pub lines: u64,
    pub body: Vec<u8>,
}

/// Iterator over the batches of a file.
pub struct Batches<R> {
    file: R,
    lines: u64,
}

impl Batches<BufReader<File>> {
    /// Opens the file after the lines that are done.
    pub fn open(path: &Path, done: &Progress) -> Result<Self, Failure> {
        let name = |error| Failure::local(&path.display().to_string(), error);
        let mut file = BufReader::new(File::open(path).map_err(name)?);
        file.seek(SeekFrom::Start(done.bytes)).map_err(name)?;
        Ok(Self {
            file,
            lines: done.lines,
        })
    }
}

impl<R: BufRead> Batches<R> {
    fn read(&mut self) -> Result<Option<Batch>, Failure> {
        let mut batch = Batch {
            lines_before: self.lines,
            lines: 0,
            body: Vec::new(),
        };
        while batch.lines < LINES && batch.body.len() < BYTES {
            let mut line = self.file.by_ref().take(LINE_BYTES);
            let read = line.read_until(b'\n', &mut batch.body)?;
            if read == 0 {
                break;
            }
            self.lines += 1;
            if read as u64 == LINE_BYTES && !batch.body.ends_with(b"\n") {
                let line = self.lines;
                return Err(Failure::Local(format!("line {line} is longer than 1 MiB")));
            }
            batch.lines += 1;
        }
        Ok((batch.lines > 0).then_some(batch))
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::{Batches, LINE_BYTES};

    fn sizes(text: &str) -> Vec<(u64, u64, usize)> {
        let batches = Batches {
            file: text.as_bytes(),
            lines: 0,
        };
        let sizes = batches.map(|batch| {
            let batch = batch.unwrap();
            (batch.lines_before, batch.lines, batch.body.len())
        });
        sizes.collect()
    }

    #[test]
    fn a_batch_has_up_to_500_lines_and_3_mib() {
        assert_eq!(sizes(""), []);
        assert_eq!(sizes("{}\n\n{}"), [(0, 3, 6)]);
        assert_eq!(
            sizes(&"{}\n".repeat(1_200)),
            [(0, 500, 1_500), (500, 500, 1_500), (1_000, 200, 600)]
        );
        let long = " ".repeat(1_000_000) + "\n";
        assert_eq!(
            sizes(&long.repeat(4)),
            [(0, 3, 3_000_003), (3, 1, 1_000_001)]
        );
    }

    #[test]
    fn a_line_beyond_1_mib_is_an_error_with_its_number() {
        let text = "{}\n".to_owned() + &"x".repeat(LINE_BYTES as usize + 1);
        let mut batches = Batches {
            file: text.as_bytes(),
            lines: 0,
        };
        let failure = batches.next().unwrap().unwrap_err();
        assert!(
            format!("{failure:?}").contains("line 2 is longer"),
            "{failure:?}"
        );
    }
}
