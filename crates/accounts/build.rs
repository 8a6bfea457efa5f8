//! Packs the list of common passwords, and reads the number of the last migration.

use std::path::Path;
use std::{env, fs, io};

use sha2::{Digest, Sha256};

/// Bytes kept of each hash; `password/common.rs` reads the same number.
const KEPT: usize = 5;

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let out = Path::new(&out);
    fs::write(out.join("common_passwords"), common_passwords()?)?;
    fs::write(out.join("schema_version"), schema_version()?.to_string())
}

/// Returns five bytes of each SHA-256, sorted, to be searched in place. They take 15 KiB in a component instead
/// of 27, without decompression, and mistake one good password in 300 million for a common one.
fn common_passwords() -> io::Result<Vec<u8>> {
    let list = "data/common_passwords.txt";
    println!("cargo::rerun-if-changed={list}");
    let mut hashes: Vec<Vec<u8>> = fs::read_to_string(list)?
        .lines()
        .map(|password| {
            Sha256::digest(password)
                .iter()
                .take(KEPT)
                .copied()
                .collect()
        })
        .collect();
    hashes.sort();
    Ok(hashes.concat())
}

/// Returns the largest number at the start of a file name in `migrations/`.
fn schema_version() -> io::Result<i64> {
    let folder = "../../migrations";
    println!("cargo::rerun-if-changed={folder}");
    let mut last = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('_'));
        last = last.max(number.and_then(|(number, _)| number.parse().ok()));
    }
    last.ok_or_else(|| io::Error::other("migrations/ has no migration"))
}
