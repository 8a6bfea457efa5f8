//! Small separate file system, which a test can fill without harm to the machine.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Number of bytes that `fill` writes at a time; the last writes go down to single bytes.
const CHUNK: usize = 1 << 20;

/// Mounted tmpfs. Dropping it unmounts it.
pub(super) struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty file system of `megabytes` at `at`; requires root.
    pub(super) fn mount(at: &Path, megabytes: u32) -> Result<Self> {
        fs::create_dir_all(at)?;
        let options = format!("size={megabytes}m,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at);
        let output = mount.output().context("cannot run mount")?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("cannot mount a file system: {reason}");
        }
        Ok(Self { at: at.to_owned() })
    }

    /// Writes until no space is free.
    pub(super) fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let zeros = vec![0; CHUNK];
        let mut size = CHUNK;
        while size > 0 {
            match ballast.write_all(zeros.get(..size).unwrap_or_default()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
        Ok(())
    }

    /// Releases the space that `fill` took.
    pub(super) fn free(&self) -> Result<()> {
        match fs::remove_file(self.ballast()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy unmount, in case a server has left a process; an error here cannot be handled.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_filled_and_freed() {
        let folder = tempfile::tempdir().unwrap();
        // Only root may mount.
        let Ok(disk) = SmallDisk::mount(&folder.path().join("disk"), 1) else {
            return;
        };
        disk.fill().unwrap();
        let file = disk.at.join("file");
        assert!(fs::write(&file, [0; 8192]).is_err());
        disk.free().unwrap();
        fs::write(&file, [0; 8192]).unwrap();
    }
}
