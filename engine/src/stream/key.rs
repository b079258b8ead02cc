//! Who may send intents: whoever holds the session's key.
//!
//! Everybody who may read snapshots reads the same bytes; a key that was sent
//! along with an intent would be everybody's. An intent therefore carries a
//! signature made with the key, HMAC-SHA256 (RFC 2104), and never the key.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes of a key and of a signature.
pub const KEY_BYTES: usize = 32;

/// Block of SHA-256, bytes.
const BLOCK: usize = 64;

/// The secret that makes a viewer more than an observer.
#[derive(Clone, PartialEq, Eq)]
pub struct IntentKey([u8; KEY_BYTES]);

impl fmt::Debug for IntentKey {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntentKey")
    }
}

/// Bytes nobody can guess.
///
/// # Errors
/// The system has no source of random numbers.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl IntentKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no source of random numbers.
    pub fn new() -> std::io::Result<Self> {
        random_bytes().map(Self)
    }

    /// A key that is known already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Writes the key as 64 hexadecimal digits into a new file that only this
    /// user can read.
    ///
    /// # Errors
    /// The system refuses, or the file is there already.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        self.0.iter().try_for_each(|byte| write!(file, "{byte:02x}"))?;
        writeln!(file)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// The file cannot be read or holds no key.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let mut text = String::new();
        File::open(path)?.take(2 * KEY_BYTES as u64 + 2).read_to_string(&mut text)?;
        let text = text.trim();
        let no_key = || std::io::Error::new(std::io::ErrorKind::InvalidData, "a key has 64 hexadecimal digits");
        if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
            return Err(no_key());
        }
        let mut bytes = [0; KEY_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or_else(no_key)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| no_key())?;
        }
        Ok(Self(bytes))
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; KEY_BYTES] {
        let block = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(self.0).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = Sha256::new().chain_update(block(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(block(0x5c)).chain_update(inner).finalize().into()
    }

    /// True when `signature` is that of `message`. Takes the same time for
    /// every wrong signature, so that none can be found byte by byte.
    #[must_use]
    pub fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let right = self.sign(message);
        let differing = right.iter().zip(signature).fold(0, |bits, (a, b)| bits | (a ^ b));
        signature.len() == KEY_BYTES && std::hint::black_box(differing) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 1, its key filled up with zeros as HMAC does.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let mut key = [0; KEY_BYTES];
        key[..20].fill(0x0b);
        let signature = IntentKey(key).sign(b"Hi There");
        assert_eq!(signature[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
        assert_eq!(signature[28..], [0x2e, 0x32, 0xcf, 0xf7]);
        assert!(IntentKey(key).is_signed(b"Hi There", &signature));
        assert!(!IntentKey(key).is_signed(b"Hi there", &signature));
        assert!(!IntentKey(key).is_signed(b"Hi There", &signature[..31]));
    }

    #[test]
    fn a_key_file_is_private_is_never_overwritten_and_comes_back() {
        let folder = std::env::temp_dir().join(format!("spinenav-key-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("key");
        let key = IntentKey::new().unwrap();
        key.write(&path).unwrap();
        assert_eq!(IntentKey::read(&path).unwrap(), key);
        assert!(key.write(&path).is_err());
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
        std::fs::write(&path, "not a key").unwrap();
        assert!(IntentKey::read(&path).is_err());
        assert_eq!(format!("{key:?}"), "IntentKey");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
