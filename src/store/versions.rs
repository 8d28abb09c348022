//! Versions of the policy that were enforced, file by file.

use super::{
    DeskStore, PolicyFileRow, Reader, StoreError,
    dialect::{Connection, On},
    ops::sealed,
    statement::{query, query_scalar},
};
use crate::secret::Sealed;

/// Keeps a version; what is there already stays.
pub(super) async fn keep(
    connection: &mut Connection,
    policy: &str,
    files: Vec<PolicyFileRow>,
) -> Result<(), StoreError> {
    let write = || StoreError::at("policy");
    if is_kept(&mut *connection, policy).await? {
        return Ok(());
    }
    for (n, file) in (0_i64..).zip(files) {
        let (key_id, bytes) = file.text.map(|Sealed { key_id, bytes }| (key_id, bytes)).unzip();
        query("INSERT INTO policy_files (digest, key_id, sealed) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING")
            .bind(&file.digest)
            .bind(key_id)
            .bind(bytes)
            .execute(&mut *connection)
            .await
            .map_err(write())?;
        query("INSERT INTO policy_versions (policy, n, name, file) VALUES ($1, $2, $3, $4)")
            .bind(policy)
            .bind(n)
            .bind(file.name)
            .bind(file.digest)
            .execute(&mut *connection)
            .await
            .map_err(write())?;
    }
    Ok(())
}

async fn is_kept<'c>(executor: impl Into<On<'c>>, policy: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM policy_versions WHERE policy = $1 LIMIT 1")
        .bind(policy)
        .fetch_optional(executor)
        .await
        .map_err(StoreError::at("policy"))?;
    Ok(found.is_some())
}

impl Reader {
    /// Whether this version of the policy is kept.
    pub(crate) async fn has_policy(&self, policy: &str) -> Result<bool, StoreError> {
        is_kept(self.pool(), policy).await
    }

    /// The files of a version, in order; none where it is not kept.
    pub(crate) async fn policy_files(&self, policy: &str) -> Result<Vec<PolicyFileRow>, StoreError> {
        files_of(self.pool(), policy).await
    }
}

impl DeskStore {
    /// The files of a version, in order; none where it is not kept.
    pub(crate) async fn policy_files(&self, policy: &str) -> Result<Vec<PolicyFileRow>, StoreError> {
        files_of(self.pool(), policy).await
    }
}

async fn files_of<'c>(executor: impl Into<On<'c>>, policy: &str) -> Result<Vec<PolicyFileRow>, StoreError> {
    let read = || StoreError::at("policy");
    let rows = query(
        "SELECT v.name, f.digest, f.key_id, f.sealed FROM policy_versions v \
         JOIN policy_files f ON f.digest = v.file WHERE v.policy = $1 ORDER BY v.n",
    )
    .bind(policy)
    .fetch_all(executor)
    .await
    .map_err(read())?;
    rows.iter()
        .map(|row| {
            let key_id: Option<String> = row.try_get(2).map_err(read())?;
            let bytes: Option<Vec<u8>> = row.try_get(3).map_err(read())?;
            Ok(PolicyFileRow {
                name: row.try_get(0).map_err(read())?,
                digest: row.try_get(1).map_err(read())?,
                text: key_id.zip(bytes).map(|(key_id, bytes)| sealed(key_id, bytes)),
            })
        })
        .collect()
}
