use std::net::IpAddr;

use tokio::{io::AsyncReadExt, net::TcpStream, sync::oneshot};

use super::*;
use crate::server::tests::{Recorder, options, pair};

/// Has no descriptors left for a while.
struct Exhausted {
    listener: TcpListener,
    failures: AtomicU64,
}

impl Accept for Exhausted {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, IpAddr)> {
        const EMFILE: i32 = 24;
        if self.failures.fetch_sub(1, Ordering::SeqCst) > 1 {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        self.failures.store(0, Ordering::SeqCst);
        Accept::accept(&self.listener).await
    }
}

#[tokio::test]
async fn k7_no_descriptors_end_nothing() {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::<Counts>::default();
    let (stop, stopped) = oneshot::channel::<()>();
    let exhausted = Exhausted { listener, failures: AtomicU64::new(4) };
    let mut options = options();
    options.timeouts.handshake = Duration::from_millis(50);
    let serving = run(
        exhausted,
        pair().tls().into(),
        options,
        Arc::clone(&counts),
        Arc::<Recorder>::default(),
        async {
            let _ = stopped.await;
        },
    );
    let serving = tokio::spawn(serving);
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Accepted in the end, and closed for want of a handshake.
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    let stats = counts.stats();
    assert_eq!((stats.accept_failures, stats.connections), (3, 1));
    stop.send(()).unwrap();
    serving.await.unwrap();
}
