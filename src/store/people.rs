//! A person under every name: by id, and by each Username that it was seen with or created under. `CreateUser` has a target
//! of its own, since the user has no id yet; whoever erases a person erases what stands under that, too.

use super::{
    DeskStore, PersonRow, Reader, StoreError,
    dialect::Connection,
    ops::person_row,
    statement::{query, query_scalar},
};

/// What there is of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftRow {
    /// Whether there is a data key.
    pub(crate) known: bool,
    /// Changes that are open.
    pub(crate) open: u64,
    /// Changes that are watched.
    pub(crate) watched: u64,
    /// Notices that wait.
    pub(crate) waiting: u64,
}

/// A person has this Username.
pub(super) async fn named(connection: &mut Connection, person: &str, name: &str) -> Result<(), StoreError> {
    query("INSERT INTO names (person, name) VALUES ($1, $2) ON CONFLICT (person, name) DO NOTHING")
        .bind(person)
        .bind(name)
        .execute(connection)
        .await
        .map_err(StoreError::at("names"))?;
    Ok(())
}

/// Whether something is open, watched, or waits to be delivered that is about this person.
pub(super) async fn is_under_way(connection: &mut Connection, person: &str) -> Result<bool, StoreError> {
    for sql in [
        "SELECT 1 FROM intents WHERE (target = $1 OR target IN (SELECT name FROM names WHERE person = $1)) \
         AND state <> 'closed' LIMIT 1",
        "SELECT 1 FROM watches w JOIN intents i ON i.id = w.intent \
         WHERE i.target = $1 OR i.target IN (SELECT name FROM names WHERE person = $1) LIMIT 1",
        "SELECT 1 FROM outbox WHERE (person = $1 OR person IN (SELECT name FROM names WHERE person = $1)) \
         AND state = 'due' LIMIT 1",
    ] {
        let found: Option<i64> = query_scalar(sql)
            .bind(person)
            .fetch_optional(&mut *connection)
            .await
            .map_err(StoreError::at("person"))?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Forgets a person.
pub(super) async fn erase(connection: &mut Connection, person: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM people WHERE person = $1 OR person IN (SELECT name FROM names WHERE person = $1)",
        "DELETE FROM addresses WHERE target = $1 OR target IN (SELECT name FROM names WHERE person = $1)",
        "DELETE FROM permissions WHERE target = $1 OR target IN (SELECT name FROM names WHERE person = $1)",
        "DELETE FROM outbox WHERE (person = $1 OR person IN (SELECT name FROM names WHERE person = $1)) \
         AND state <> 'due'",
        "UPDATE intents SET answer = NULL, answer_key_id = NULL \
         WHERE (target = $1 OR target IN (SELECT name FROM names WHERE person = $1)) AND state = 'closed'",
        "DELETE FROM names WHERE person = $1 OR name = $1",
    ] {
        query(sql).bind(person).execute(&mut *connection).await.map_err(StoreError::at("erase"))?;
    }
    Ok(())
}

impl Reader {
    /// Somebody whose data key is sealed under this one.
    pub(crate) async fn sealed_under(&self, key_id: &str) -> Result<Option<PersonRow>, StoreError> {
        query("SELECT token, key_id, sealed FROM people WHERE key_id = $1 LIMIT 1")
            .bind(key_id)
            .fetch_optional(self.pool())
            .await
            .map_err(StoreError::at("people"))?
            .map(|row| person_row(&row))
            .transpose()
    }
}

impl DeskStore {
    /// The names of the keys that erasing a person takes away.
    pub(crate) async fn tokens_of(&self, person: &str) -> Result<Vec<String>, StoreError> {
        query_scalar(
            "SELECT token FROM people WHERE person = $1 OR person IN (SELECT name FROM names WHERE person = $1) \
             ORDER BY token",
        )
        .bind(person)
        .fetch_all(self.pool())
        .await
        .map_err(StoreError::at("people"))
    }

    /// What there is of a person.
    pub(crate) async fn left(&self, person: &str) -> Result<LeftRow, StoreError> {
        let mut counts = [0; 4];
        for (count, sql) in counts.iter_mut().zip([
            "SELECT COUNT(*) FROM people WHERE person = $1 OR person IN (SELECT name FROM names WHERE person = $1)",
            "SELECT COUNT(*) FROM intents \
             WHERE (target = $1 OR target IN (SELECT name FROM names WHERE person = $1)) AND state <> 'closed'",
            "SELECT COUNT(*) FROM watches w JOIN intents i ON i.id = w.intent \
             WHERE i.target = $1 OR i.target IN (SELECT name FROM names WHERE person = $1)",
            "SELECT COUNT(*) FROM outbox \
             WHERE (person = $1 OR person IN (SELECT name FROM names WHERE person = $1)) AND state = 'due'",
        ]) {
            let found: i64 = query_scalar(sql)
                .bind(person)
                .fetch_one(self.pool())
                .await
                .map_err(StoreError::at("person"))?;
            *count = found.unsigned_abs();
        }
        let [people, open, watched, waiting] = counts;
        Ok(LeftRow { known: people > 0, open, watched, waiting })
    }
}
