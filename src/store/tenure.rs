//! Which chain a process continues on a server that several share. A chain is one process's at a time: it is taken when
//! the process starts, held by a lease that each write renews, and given back at the end.
//!
//! Every transaction begins with the renewal, under the lock that only one transaction has. So a process whose chain was
//! taken by another one (it was paused for longer than the lease) writes nothing any more, wherever it wakes up.

use super::{
    StoreError,
    dialect::{Connection, Pool},
    statement::{query, query_scalar},
};

/// How long a chain is kept for a process that is not heard of, milliseconds. Long: nothing waits for the chain, since a new
/// process takes another one, and a process that is only paused finds its own again.
const LEASE: i64 = 10 * 60_000;
/// Chains at most.
const MOST: u32 = 10_000;
/// The time of the database, milliseconds since 1970. The factor has the type of the other, so that no operator fits better.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000::NUMERIC)::BIGINT";

/// Who else may put something into a schema, or has something in it: the guard's statements would find an operator or a
/// function there that fits their types better than the built-in one, and it would run as the guard. Superusers, and roles
/// that may become the guard's, need no such detour; `pg_database_owner` stands for the owner of the database, who is
/// listed himself.
pub(super) const STRANGER: &str = "
    SELECT coalesce(
        (SELECT 'PUBLIC' WHERE has_schema_privilege('public', n.oid, 'CREATE')),
        (SELECT min(r.rolname::text) FROM pg_roles r
         WHERE NOT r.rolsuper AND r.rolname <> 'pg_database_owner'
           AND NOT pg_has_role(r.oid, (SELECT o.oid FROM pg_roles o WHERE o.rolname = current_user), 'MEMBER')
           AND (r.oid = n.nspowner OR has_schema_privilege(r.oid, n.oid, 'CREATE')
                OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner = r.oid)
                OR EXISTS (SELECT 1 FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proowner = r.oid)
                OR EXISTS (SELECT 1 FROM pg_operator q WHERE q.oprnamespace = n.oid AND q.oprowner = r.oid)))
    ) FROM pg_namespace n WHERE n.nspname = $1";

/// Whose chain.
#[derive(Debug, Clone)]
pub(super) struct Tenure {
    pub(super) chain: String,
    pub(super) owner: String,
}

/// Whether a process has a chain, or had one less than ten minutes ago and crashed.
pub(super) async fn is_any(pool: &Pool) -> Result<bool, StoreError> {
    let sql = format!("SELECT count(*) FROM chains WHERE owner IS NOT NULL AND lease_until >= {NOW}");
    let found: i64 =
        query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(pool).await.map_err(StoreError::at("chains"))?;
    Ok(found > 0)
}

impl Tenure {
    /// Takes the first chain of `NAME`, `NAME-2`, `NAME-3`, ... that is free.
    pub(super) async fn take(
        connection: &mut Connection,
        name: &str,
        owner: &str,
    ) -> Result<Self, StoreError> {
        let step = || StoreError::at("chain");
        connection.begin().await.map_err(step())?;
        let sql = format!(
            "INSERT INTO chains (chain, owner, lease_until) VALUES ($1, $2, {NOW} + $3) \
             ON CONFLICT (chain) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until \
             WHERE chains.owner IS NULL OR chains.lease_until < {NOW} RETURNING chain"
        );
        for n in 1..=MOST {
            let chain = if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
            let taken: Option<String> = query_scalar(sqlx::AssertSqlSafe(sql.clone()))
                .bind(&chain)
                .bind(owner)
                .bind(LEASE)
                .fetch_optional(&mut *connection)
                .await
                .map_err(step())?;
            if taken.is_some() {
                connection.commit().await.map_err(step())?;
                return Ok(Self { chain, owner: owner.to_owned() });
            }
        }
        Err(StoreError::Taken { chain: name.to_owned() })
    }

    /// Renews the lease. The chain may not be written unless this is done in the same transaction.
    pub(super) async fn renew(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let sql = format!("UPDATE chains SET lease_until = {NOW} + $1 WHERE chain = $2 AND owner = $3");
        let renewed = query(sqlx::AssertSqlSafe(sql))
            .bind(LEASE)
            .bind(&self.chain)
            .bind(&self.owner)
            .execute(connection)
            .await
            .map_err(StoreError::at("chain"))?;
        if renewed.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Taken { chain: self.chain.clone() })
        }
    }

    /// Gives the chain back.
    pub(super) async fn end(&self, connection: &mut Connection) -> Result<(), StoreError> {
        query("UPDATE chains SET owner = NULL WHERE chain = $1 AND owner = $2")
            .bind(&self.chain)
            .bind(&self.owner)
            .execute(connection)
            .await
            .map_err(StoreError::at("chain"))?;
        Ok(())
    }
}
