//! Listeners of this host alone: Unix sockets and plain HTTP on loopback.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use super::*;
use crate::server::listener::BindFault;

/// Serves without TLS until the sender is gone.
fn serve(options: Options) -> (Arc<Recorder>, oneshot::Sender<()>, JoinHandle<Drained>) {
    let server = Server::bind(options, Protection::Plain).unwrap();
    let (stop, stopped) = oneshot::channel();
    let service = Arc::<Recorder>::default();
    let run = server.run(Arc::clone(&service), async move {
        let _ = stopped.await;
    });
    (service, stop, tokio::spawn(run))
}

async fn ask(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    octets: &[u8],
) -> Vec<Answer> {
    stream.write_all(octets).await.unwrap();
    let mut back = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut back)).await.expect("the stream hangs").unwrap();
    answers(&back)
}

fn refused(options: Options) -> BindError {
    Server::bind(options, Protection::Plain).err().expect("it listens")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A folder, and the path of a socket in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guard.sock");
    (folder, path)
}

#[tokio::test]
async fn a_unix_socket_serves_as_loopback_and_its_file_goes_with_it() {
    let (_folder, path) = place();
    let (service, stop, task) = serve(Options::unix(path.clone()));
    assert_eq!(mode(&path), 0o600);
    let answers = ask(UnixStream::connect(&path).await.unwrap(), &get_closing("/a")).await;
    assert_eq!(answers[0].status, 200);
    assert_eq!(service.calls.lock().unwrap()[0].head.origin.source, Ipv4Addr::LOCALHOST);
    stop.send(()).unwrap();
    task.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_unix_socket_has_the_permissions_that_were_asked_for() {
    let (_folder, path) = place();
    let _serving = serve(Options { mode: 0o660, ..Options::unix(path.clone()) });
    assert_eq!(mode(&path), 0o660);
}

#[tokio::test]
async fn the_same_bounds_hold_without_tls() {
    let (_folder, path) = place();
    let (service, _stop, _task) = serve(Options::unix(path.clone()));
    let body = "x".repeat(MOST + 1);
    let answers = ask(UnixStream::connect(&path).await.unwrap(), &post("/a", "", &body)).await;
    answers[0].assert_last_error(413, "InvalidRequestException");
    let answers = ask(UnixStream::connect(&path).await.unwrap(), b"GET /a\n\n").await;
    answers[0].assert_last_error(400, "InvalidRequestException");
    assert!(service.targets().is_empty());
}

#[tokio::test]
async fn what_a_dead_process_left_is_replaced_and_nothing_else_is() {
    let (_folder, path) = place();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    let (_service, stop, task) = serve(Options::unix(path.clone()));
    assert!(UnixStream::connect(&path).await.is_ok());
    // Somebody listens there.
    let why = refused(Options::unix(path.clone()));
    assert_eq!(why.to_string(), format!("cannot listen on `unix:{}`", path.display()));
    assert!(UnixStream::connect(&path).await.is_ok());
    // What was put in its place meanwhile is not ours to remove.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    stop.send(()).unwrap();
    task.await.unwrap();
    refused(Options::unix(path.clone()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_symbolic_link_is_not_followed_to_a_socket() {
    let (folder, path) = place();
    let elsewhere = folder.path().join("elsewhere.sock");
    drop(std::os::unix::net::UnixListener::bind(&elsewhere).unwrap());
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    refused(Options::unix(path));
    assert!(elsewhere.exists());
}

#[tokio::test]
async fn a15_plain_http_is_for_this_host_alone() {
    let exposed = |address: &str| refused(Options::at(address.parse().unwrap())).source;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        assert!(matches!(exposed(address), BindFault::Exposed), "{address}");
    }
    for require in [crate::wire::Require::Certificate, crate::wire::Require::Both] {
        let options = Options { require, ..options() };
        assert!(matches!(refused(options).source, BindFault::NoCertificate));
    }
    let server = Server::bind(options(), Protection::Plain).unwrap();
    let address = server.bound().address().unwrap();
    let serving = tokio::spawn(server.run(Arc::<Recorder>::default(), std::future::pending()));
    let answers = ask(TcpStream::connect(address).await.unwrap(), &get_closing("/a")).await;
    assert_eq!(answers[0].status, 200);
    serving.abort();
}

#[tokio::test]
async fn tls_is_served_at_a_unix_socket_as_well() {
    let (_folder, path) = place();
    let server = Server::bind(Options::unix(path.clone()), pair().tls()).unwrap();
    let serving = tokio::spawn(server.run(Arc::<Recorder>::default(), std::future::pending()));
    let stream = UnixStream::connect(&path).await.unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let stream = TlsConnector::from(Arc::new(pair().client())).connect(name, stream).await.unwrap();
    assert_eq!(ask(stream, &get_closing("/a")).await[0].status, 200);
    serving.abort();
}
