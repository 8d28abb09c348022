//! A statement and its values, for whichever database it is run on. What the store writes and reads is whole numbers, texts
//! and bytes, so that is all there is.

use std::{borrow::Cow, marker::PhantomData};

use sqlx::{
    Database, Encode, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite, Type, TypeInfo as _, ValueRef as _,
    postgres::{PgQueryResult, PgRow},
    query::Query,
    sqlite::{SqliteQueryResult, SqliteRow},
};

use super::dialect::{On, Row};

/// A statement with its values.
pub(super) struct Statement<'q> {
    sql: SqlStr,
    values: Vec<Value<'q>>,
}

/// A statement of whose rows the first column is read.
pub(super) struct Scalar<'q, T>(Statement<'q>, PhantomData<fn() -> T>);

/// A statement that is put together from parts.
#[derive(Default)]
pub(super) struct Builder<'q> {
    sql: String,
    values: Vec<Value<'q>>,
}

/// A value of a statement.
pub(super) enum Value<'q> {
    Int(Option<i64>),
    Text(Option<Cow<'q, str>>),
    Bytes(Option<Cow<'q, [u8]>>),
}

/// What a statement changed.
pub(super) struct Changed(u64);

/// What a column is read as.
pub(super) trait Column<'r>: Sized {
    fn of_sqlite(row: &'r SqliteRow, index: usize) -> Result<Self, sqlx::Error>;
    fn of_postgres(row: &'r PgRow, index: usize) -> Result<Self, sqlx::Error>;
}

/// A statement. `$1` is its first value.
pub(super) fn query<'q>(sql: impl SqlSafeStr) -> Statement<'q> {
    Statement { sql: sql.into_sql_str(), values: Vec::new() }
}

/// A statement of whose rows the first column is read.
pub(super) fn query_scalar<'q, T>(sql: impl SqlSafeStr) -> Scalar<'q, T> {
    Scalar(query(sql), PhantomData)
}

impl<'q> Statement<'q> {
    /// The next value.
    pub(super) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) async fn execute<'c>(self, on: impl Into<On<'c>>) -> Result<Changed, sqlx::Error> {
        let Self { sql, values } = self;
        Ok(match on.into() {
            On::Sqlite(on) => bound::<Sqlite>(sql, values).execute(on).await?.into(),
            On::SqlitePool(on) => bound::<Sqlite>(sql, values).execute(on).await?.into(),
            On::Postgres(on) => bound::<Postgres>(sql, values).execute(on).await?.into(),
            On::PostgresPool(on) => bound::<Postgres>(sql, values).execute(on).await?.into(),
        })
    }

    pub(super) async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<Row>, sqlx::Error> {
        let Self { sql, values } = self;
        Ok(match on.into() {
            On::Sqlite(on) => bound::<Sqlite>(sql, values).fetch_optional(on).await?.map(Row::Sqlite),
            On::SqlitePool(on) => bound::<Sqlite>(sql, values).fetch_optional(on).await?.map(Row::Sqlite),
            On::Postgres(on) => bound::<Postgres>(sql, values).fetch_optional(on).await?.map(Row::Postgres),
            On::PostgresPool(on) => {
                bound::<Postgres>(sql, values).fetch_optional(on).await?.map(Row::Postgres)
            }
        })
    }

    pub(super) async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<Row, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }

    pub(super) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, sqlx::Error> {
        let Self { sql, values } = self;
        Ok(match on.into() {
            On::Sqlite(on) => rows(bound::<Sqlite>(sql, values).fetch_all(on).await?, Row::Sqlite),
            On::SqlitePool(on) => rows(bound::<Sqlite>(sql, values).fetch_all(on).await?, Row::Sqlite),
            On::Postgres(on) => rows(bound::<Postgres>(sql, values).fetch_all(on).await?, Row::Postgres),
            On::PostgresPool(on) => rows(bound::<Postgres>(sql, values).fetch_all(on).await?, Row::Postgres),
        })
    }
}

impl<'q, T: for<'r> Column<'r>> Scalar<'q, T> {
    /// The next value.
    pub(super) fn bind(self, value: impl Into<Value<'q>>) -> Self {
        Self(self.0.bind(value), PhantomData)
    }

    pub(super) async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<T>, sqlx::Error> {
        self.0.fetch_optional(on).await?.map(|row| row.try_get(0)).transpose()
    }

    pub(super) async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<T, sqlx::Error> {
        self.0.fetch_one(on).await?.try_get(0)
    }

    pub(super) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<T>, sqlx::Error> {
        self.0.fetch_all(on).await?.iter().map(|row| row.try_get(0)).collect()
    }
}

impl<'q> Builder<'q> {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Text of the statement, as it is: never of a user.
    pub(super) fn push(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// The next value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value<'q>>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    pub(super) fn build(self) -> Statement<'q> {
        Statement { sql: sqlx::AssertSqlSafe(self.sql).into_sql_str(), values: self.values }
    }
}

impl Changed {
    pub(super) fn rows_affected(&self) -> u64 {
        self.0
    }
}

impl From<SqliteQueryResult> for Changed {
    fn from(done: SqliteQueryResult) -> Self {
        Self(done.rows_affected())
    }
}

impl From<PgQueryResult> for Changed {
    fn from(done: PgQueryResult) -> Self {
        Self(done.rows_affected())
    }
}

impl Row {
    /// A column, from 0.
    pub(super) fn try_get<'r, T: Column<'r>>(&'r self, index: usize) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => T::of_sqlite(row, index),
            Self::Postgres(row) => T::of_postgres(row, index),
        }
    }
}

/// Columns that both databases have with one type.
macro_rules! columns {
    ($($column:ty),*) => { $(
        impl<'r> Column<'r> for $column {
            fn of_sqlite(row: &'r SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
                row.try_get(index)
            }
            fn of_postgres(row: &'r PgRow, index: usize) -> Result<Self, sqlx::Error> {
                row.try_get(index)
            }
        }
    )* };
}

columns!(String, Option<String>, Vec<u8>, Option<Vec<u8>>, &'r [u8]);

impl<'r> Column<'r> for Option<i64> {
    fn of_sqlite(row: &'r SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        row.try_get(index)
    }

    /// `1` is of four bytes and `EXISTS` a truth there.
    fn of_postgres(row: &'r PgRow, index: usize) -> Result<Self, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        let kind = value.type_info();
        Ok(match kind.name() {
            "INT4" => row.try_get::<Option<i32>, _>(index)?.map(i64::from),
            "BOOL" => row.try_get::<Option<bool>, _>(index)?.map(i64::from),
            _ => row.try_get(index)?,
        })
    }
}

impl<'r> Column<'r> for i64 {
    fn of_sqlite(row: &'r SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        row.try_get(index)
    }

    fn of_postgres(row: &'r PgRow, index: usize) -> Result<Self, sqlx::Error> {
        Option::<Self>::of_postgres(row, index)?.ok_or_else(|| sqlx::Error::ColumnDecode {
            index: index.to_string(),
            source: Box::new(sqlx::error::UnexpectedNullError),
        })
    }
}

/// Values, as they are given.
macro_rules! values {
    ($($given:ty => $kind:ident($given_as:ident) $value:expr;)*) => { $(
        impl<'q> From<$given> for Value<'q> {
            fn from($given_as: $given) -> Self {
                Self::$kind($value)
            }
        }
    )* };
}

values! {
    i64 => Int(value) Some(value);
    &'q i64 => Int(value) Some(*value);
    Option<i64> => Int(value) value;
    &'q str => Text(value) Some(value.into());
    &'q String => Text(value) Some(value.into());
    String => Text(value) Some(value.into());
    Option<&'q str> => Text(value) value.map(Into::into);
    Option<String> => Text(value) value.map(Into::into);
    &'q [u8] => Bytes(value) Some(value.into());
    &'q Vec<u8> => Bytes(value) Some(value.into());
    Vec<u8> => Bytes(value) Some(value.into());
    Option<Vec<u8>> => Bytes(value) value.map(Into::into);
}

fn bound<'q, D: Database>(sql: SqlStr, values: Vec<Value<'_>>) -> Query<'q, D, D::Arguments>
where
    Option<i64>: for<'t> Encode<'t, D> + Type<D>,
    for<'t> Option<&'t str>: Encode<'t, D> + Type<D>,
    for<'t> Option<&'t [u8]>: Encode<'t, D> + Type<D>,
{
    values.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value.as_deref()),
        Value::Bytes(value) => query.bind(value.as_deref()),
    })
}

fn rows<R>(found: Vec<R>, row: fn(R) -> Row) -> Vec<Row> {
    found.into_iter().map(row).collect()
}
