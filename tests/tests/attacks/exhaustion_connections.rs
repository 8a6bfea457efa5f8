//! Attacks that occupy connections: the cost of each to the host, and that other clients are served
//! meanwhile.
//!
//! Spin limits neither the time of a request's head nor the number of connections, and ends when it has
//! no free descriptor for a new connection: the edge limits both (SECURITY.md).
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::time::Duration;

use blackbox::Client;
use blackbox::attack::Attack;
use blackbox::client::LOGIN;
use blackbox::host::not_on_spin;
use blackbox::raw;
use blackbox::stack::Stack;
use futures::future::join_all;
use futures::{StreamExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than any time limit of the app and of the embedded host.
const PATIENCE: Duration = Duration::from_secs(120);
const BEAT: Duration = Duration::from_millis(250);
const LIVE: &str = "/api/v1/health/live";

/// Starts a stack whose host may open as many files as an attack has connections.
async fn stack() -> Stack {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        most >= 8_192,
        "{most} open files are too few for this suite"
    );
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    Stack::start().await
}

async fn connections(stack: &Stack, count: usize) -> Vec<TcpStream> {
    let base = stack.client.base();
    let mut opened = Vec::new();
    while opened.len() < count {
        // Smaller than the listener's backlog.
        let batch = (count - opened.len()).min(100);
        opened.extend(join_all((0..batch).map(|_| raw::connect(base))).await);
    }
    opened
}

/// Writes to each connection repeatedly and counts those that still accept data.
async fn drip(streams: &mut [TcpStream], bytes: &[u8], beats: u32) -> usize {
    let mut taken = streams.len();
    for _ in 0..beats {
        tokio::time::sleep(BEAT).await;
        let written = join_all(streams.iter_mut().map(|stream| stream.write_all(bytes))).await;
        taken = written.iter().filter(|written| written.is_ok()).count();
    }
    taken
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // The host may close while unwanted bytes are on their way.
    let _ = end.expect("an end of the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_two_thousand_idle_connections() {
    let stack = stack().await;
    let attack = Attack::begin(&stack, "2,000 idle connections").await;
    let mut streams = connections(&stack, 2_000).await;
    // Half of the connections have never sent anything, the others wait for their next request.
    let host = raw::authority(stack.client.base());
    let request = format!("GET {LIVE} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for stream in streams.iter_mut().step_by(2) {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut begin = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut begin))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    let cost = attack.cost();
    drop(streams);
    attack.end(cost).await;
    assert!(cost.memory_kib < 64 * 1024, "{cost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_slow_request_heads() {
    let stack = stack().await;
    let attack = Attack::begin(&stack, "500 slow heads").await;
    let mut streams = connections(&stack, 500).await;
    drip(
        &mut streams,
        format!("GET {LIVE} HTTP/1.1\r\n").as_bytes(),
        1,
    )
    .await;
    assert_eq!(drip(&mut streams, b"X-Slow: 1\r\n", 20).await, 500);
    let cost = attack.cost();
    drop(streams);
    attack.end(cost).await;
    assert!(cost.memory_kib < 16 * 1024, "{cost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_head_is_cut_off() {
    if not_on_spin("attacks::exhaustion_connections::an_unfinished_head_is_cut_off") {
        return;
    }
    let mut stream = raw::connect(Client::from_env().await.base()).await;
    let begin = format!("GET {LIVE} HTTP/1.1\r\n");
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"X-Slow: 1\r\n").await.is_ok() {
            tokio::time::sleep(BEAT).await;
        }
    });
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
    let _ = end.expect("an end of the connection");
    dripping.await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

/// Fewer than the host's pool has connections to Postgres (64): a slow body occupies its instance, and
/// each instance that has served other requests meanwhile keeps a connection. The edge, which buffers
/// bodies, handles larger numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_slow_request_bodies() {
    let stack = stack().await;
    let attack = Attack::begin(&stack, "200 slow bodies").await;
    let mut streams = connections(&stack, 200).await;
    let extra = "Content-Type: application/json\r\nContent-Length: 60000\r\n";
    let head = raw::request(&stack.anonymous(), "POST", LOGIN, extra, b"{");
    drip(&mut streams, &head, 1).await;
    drip(&mut streams, b" ", 12).await;
    let cost = attack.cost();
    for reply in join_all(streams.iter_mut().map(read_to_end)).await {
        assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    }
    attack.end(cost).await;
    assert!(cost.memory_kib < 128 * 1024, "{cost}");
}

/// Returns the address of the largest file of the documentation.
async fn large_asset(stack: &Stack) -> String {
    let page = stack.client.get("/api/docs").await.expect(200);
    let html = String::from_utf8(page.body).unwrap();
    let mut links = html.split('"');
    let bundle =
        links.find(|link| link.starts_with("/api/docs/assets/") && link.contains("bundle"));
    bundle.expect("a link to the bundle").to_owned()
}

/// Without `Accept-Encoding` the component decompresses the file for each request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_slowly_read_responses() {
    let stack = stack().await;
    let path = large_asset(&stack).await;
    let attack = Attack::begin(&stack, "100 responses that are not read").await;
    let address: SocketAddr = raw::authority(stack.client.base()).parse().unwrap();
    let request = raw::request(&stack.anonymous(), "GET", &path, "", b"");
    let open = async |_| {
        let socket = TcpSocket::new_v4().unwrap();
        // A small receive buffer: data in the client's kernel buffer costs the host nothing.
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut begin = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut begin))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
        stream
    };
    // A few at once, so that decompression does not take all of the processor.
    let mut streams: Vec<_> = stream::iter(0..100).map(open).buffered(4).collect().await;
    for _ in 0..8 {
        tokio::time::sleep(BEAT).await;
        for stream in &mut streams {
            stream.read_u8().await.expect("another byte");
        }
    }
    let cost = attack.cost();
    let rest = read_to_end(&mut streams[0]).await;
    assert!(rest.len() > 1_000_000, "{} bytes of the whole", rest.len());
    drop(streams);
    attack.end(cost).await;
    assert!(cost.memory_kib < 192 * 1024, "{cost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_pipelined_requests() {
    const REQUESTS: usize = 2_000;
    let stack = stack().await;
    let attack = Attack::begin(&stack, "21 pipelines of 2,000 requests").await;
    let host = raw::authority(stack.client.base());
    let one = format!("GET {LIVE} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let pipeline = format!("{}{last}", one.repeat(REQUESTS - 1));
    let mut streams = connections(&stack, 21).await;
    // Some clients never read and then disconnect.
    let abandoned = streams.split_off(1).into_iter().map(async |mut stream| {
        let sent = stream.write_all(pipeline.as_bytes());
        let _ = timeout(8 * BEAT, sent).await;
    });
    join_all(abandoned).await;
    let (mut reader, mut writer) = streams.pop().unwrap().into_split();
    let bytes = pipeline.clone().into_bytes();
    let sending = tokio::spawn(async move { writer.write_all(&bytes).await.map(|()| writer) });
    let mut answers = String::new();
    let read = timeout(PATIENCE, reader.read_to_string(&mut answers)).await;
    read.expect("an end of the connection").unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), REQUESTS);
    let cost = attack.cost();
    attack.end(cost).await;
    assert!(cost.memory_kib < 64 * 1024, "{cost}");
}
