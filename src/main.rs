//! The program: hands its arguments to the library and exits with what it says.

use std::process::ExitCode;

fn main() -> ExitCode {
    connect_guard::run(std::env::args_os())
}
