//! A copy of the whole store, beside a running guard: as of one moment, this user's alone, on disk and verified before it
//! has its name.

use std::{
    fs::{self, File},
    path::Path,
};

use super::{
    Desk, ExportFault, Ledger, Verification,
    export::{new, synced},
};

impl Desk {
    /// Copies the store into a file that is not there yet, and verifies the copy. What does not verify keeps no name.
    ///
    /// # Errors
    /// When the store cannot be read or the file cannot be written; and always where the store is on a server, which has
    /// tools of its own for that.
    pub async fn backup(&self, to: &Path) -> Result<Verification, ExportFault> {
        let io = |error| ExportFault::Io(to.to_owned(), error);
        if !self.store.is_file() {
            return Err(ExportFault::Server);
        }
        if to.exists() {
            return Err(io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unfinished = to.with_file_name(format!(".{name}.unfinished"));
        drop(new(&unfinished).map_err(io)?);
        let path = unfinished.to_str().ok_or_else(|| io(std::io::ErrorKind::InvalidInput.into()))?;
        self.store.copy(path).await.map_err(|fault| ExportFault::Ledger(fault.into()))?;
        File::open(&unfinished).and_then(|file| file.sync_all()).map_err(io)?;
        let found = Ledger::verify(&format!("sqlite:{path}")).await.map_err(ExportFault::Ledger)?;
        if found.faults.is_empty() {
            fs::rename(&unfinished, to).and_then(|()| synced(to)).map_err(io)?;
        } else {
            fs::remove_file(&unfinished).map_err(io)?;
        }
        Ok(found)
    }
}
