//! Against what real clients sent, against the vectors of two other implementations, and against itself.

mod captures;
mod logging;
mod mutations;
mod paths;
mod properties;
mod recorded;
mod refusals;
mod suites;
