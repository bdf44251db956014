//! A wire to a service, whose connections a test can cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// See the module; it ends with the value.
pub struct Wire {
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<AbortOnDropHandle<()>>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Wire {
    pub async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::<Mutex<Vec<_>>>::default();
        let connections = open.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let copying = tokio::spawn(async move {
                    let mut far = TcpStream::connect(service).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
                connections.lock().unwrap().push(AbortOnDropHandle::new(copying));
            }
        });
        Self { address, open, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Breaks every connection; new ones are taken.
    pub fn cut(&self) {
        self.open.lock().unwrap().clear();
    }
}
