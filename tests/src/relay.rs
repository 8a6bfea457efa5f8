//! A relay with a constant address in front of a host that restarts at other addresses.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Forwards each connection to the present address of the host. Dropping it closes the listener.
pub struct Relay {
    /// URL of the relay.
    pub url: String,
    target: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts a relay to the host at `url`, such as `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(url: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = format!("http://{}", listener.local_addr()?);
        let target = Arc::new(Mutex::new(address(url)));
        let task = tokio::spawn(accept(listener, target.clone()));
        Ok(Self {
            url: own,
            target,
            task,
        })
    }

    /// Forwards new connections to the host at `url`.
    pub fn retarget(&self, url: &str) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = address(url);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

async fn accept(listener: TcpListener, target: Arc<Mutex<String>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let target = target
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        tokio::spawn(async move {
            // A client of a dead host sees a closed connection.
            if let Ok(mut host) = TcpStream::connect(target).await {
                let _ = copy_bidirectional(&mut client, &mut host).await;
            }
        });
    }
}
