//! Numbers in text files: points, landmark pairs, matrices.
//!
//! A row a line; separators are spaces, commas, semicolons and tabs; `#`
//! starts a comment. Called by the program's commands.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::io::bounded;

/// Largest text file that is read, bytes: a million points with room to spare.
const MAX_BYTES: u64 = 64 << 20;

/// Why a text file holds no usable numbers.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NumbersError {
    /// The system could not read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than any sensible list of points.
    #[error("{path} has {bytes} bytes, more than the {MAX_BYTES} a list of numbers may have; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A word is no finite number.
    #[error("{path}, line {line}: {word:?} is not a finite number")]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The word.
        word: String,
    },
    /// A line has the wrong number of columns.
    #[error("{path}, line {line}: {found} numbers where {expected} are expected ({meaning})")]
    Columns {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Numbers found.
        found: usize,
        /// Numbers expected.
        expected: usize,
        /// What a line means.
        meaning: &'static str,
    },
    /// The file holds no numbers at all.
    #[error("{path} holds no numbers; expected {meaning}")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was expected.
        meaning: &'static str,
    },
    /// The file does not hold sixteen numbers.
    #[error("{path} holds {found} numbers; a 4x4 matrix has 16, row by row")]
    Matrix {
        /// The file.
        path: PathBuf,
        /// Numbers found.
        found: usize,
    },
}

/// Reads rows of exactly `N` numbers; `meaning` says what a row is, for
/// messages.
///
/// # Errors
/// [`NumbersError`] naming file, line and word.
pub fn read_rows<const N: usize>(path: &Path, meaning: &'static str) -> Result<Vec<[f64; N]>, NumbersError> {
    let mut rows = Vec::new();
    for (line, numbers) in parse(path)? {
        let found = numbers.len();
        let row = <[f64; N]>::try_from(numbers);
        rows.push(row.map_err(|_| NumbersError::Columns { path: path.into(), line, found, expected: N, meaning })?);
    }
    if rows.is_empty() {
        return Err(NumbersError::Empty { path: path.into(), meaning });
    }
    Ok(rows)
}

/// Reads a 4x4 matrix: sixteen numbers, row by row, on any number of lines.
///
/// # Errors
/// [`NumbersError`] naming file, line and word.
pub fn read_matrix(path: &Path) -> Result<[f64; 16], NumbersError> {
    let numbers: Vec<f64> = parse(path)?.into_iter().flat_map(|(_, numbers)| numbers).collect();
    let found = numbers.len();
    <[f64; 16]>::try_from(numbers).map_err(|_| NumbersError::Matrix { path: path.into(), found })
}

/// The numbers of every line that has some, with the line's number.
fn parse(path: &Path) -> Result<Vec<(usize, Vec<f64>)>, NumbersError> {
    let failed = |source| NumbersError::Read { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_BYTES {
        return Err(NumbersError::TooLarge { path: path.into(), bytes });
    }
    let text = String::from_utf8(bounded::read_bounded(path, MAX_BYTES).map_err(failed)?)
        .map_err(|_| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text")))?;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default();
        let separators = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '[' | ']');
        let mut numbers = Vec::new();
        for word in content.split(separators).filter(|w| !w.is_empty()) {
            match word.parse::<f64>() {
                Ok(number) if number.is_finite() => numbers.push(number),
                _ => {
                    let word = word.chars().take(40).collect();
                    return Err(NumbersError::NotANumber { path: path.into(), line: index + 1, word });
                }
            }
        }
        if !numbers.is_empty() {
            lines.push((index + 1, numbers));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("spinenav-numbers-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn points_with_comments_and_commas_are_read() {
        let path = file("good", "# touched on L3\n1, 2.5, -3\n\n4 5 6 # lamina\n");
        assert_eq!(read_rows::<3>(&path, "x y z").unwrap(), [[1.0, 2.5, -3.0], [4.0, 5.0, 6.0]]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let path = file("bad", "1 2 3\n1 2 nan\n");
        assert!(read_rows::<3>(&path, "x y z").unwrap_err().to_string().contains("line 2: \"nan\""));
        let path = file("short", "1 2 3\n1 2\n");
        assert!(read_rows::<3>(&path, "x y z").unwrap_err().to_string().contains("line 2: 2 numbers where 3"));
        let path = file("empty", "# nothing\n");
        assert!(matches!(read_rows::<3>(&path, "x y z"), Err(NumbersError::Empty { .. })));
    }

    #[test]
    fn a_matrix_needs_sixteen_numbers() {
        let path = file("matrix", "[1,0,0,0\n0,1,0,0\n0,0,1,0\n0,0,0]");
        assert!(read_matrix(&path).unwrap_err().to_string().contains("15 numbers"));
    }
}
