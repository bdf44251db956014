//! `messaging proto`: the contract as files, so that clients in any language are generated from the program alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::proto::{DESCRIPTORS, SERVICE_CONFIG, SOURCES};

/// Write the contract's files, to generate clients from; asks no server and needs no configuration.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("form").required(true).multiple(true).args(["out", "descriptors", "service_config"])))]
pub(super) struct Proto {
    /// Write the .proto files here, each in the folder of its package; those of this name are overwritten
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the `FileDescriptorSet` here, with its imports and comments, as reflection serves it; - is standard output
    #[arg(long, value_name = "FILE")]
    descriptors: Option<PathBuf>,
    /// Write the gRPC service config here, by which clients repeat what may be repeated; - is standard output
    #[arg(long, value_name = "FILE")]
    service_config: Option<PathBuf>,
}

impl Proto {
    pub(super) fn run(&self, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        if let Some(folder) = &self.out {
            for (name, text) in SOURCES {
                let file = folder.join(name);
                super::manual::make_folder(file.parent().unwrap_or(folder))?;
                write(&file, text.as_bytes(), out)?;
            }
        }
        if let Some(file) = &self.descriptors {
            write(file, DESCRIPTORS, out)?;
        }
        if let Some(file) = &self.service_config {
            write(file, SERVICE_CONFIG.as_bytes(), out)?;
        }
        Ok(())
    }
}

fn write(file: &Path, bytes: &[u8], out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    if file == Path::new("-") {
        return super::manual::print(bytes, out);
    }
    std::fs::write(file, bytes).map_err(|e| Failure::other(format!("cannot write {}: {e}", file.display())))
}
