//! Passwords from known data breaches: requests of the app to the breach service, and that the service
//! cannot prevent the creation of a user.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use blackbox::stack::Stack;
use blackbox::{Reply, new_user, new_user_with};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// SHA-1: ABF7A followed by AD6438836DBE526AA231ABDE2D0EEF74D42.
const BREACHED: &str = "correct horse battery staple";
/// SHA-1: 83A3D followed by 41DA40C441ECB9E65FD391D5E2EAE1EECD5.
const UNKNOWN: &str = "this one nobody has leaked 7f3a";
/// Response of the server to any prefix: the first password with a count, the second as padding.
const RANGE: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n\
                     41DA40C441ECB9E65FD391D5E2EAE1EECD5:0\r\n\
                     AD6438836DBE526AA231ABDE2D0EEF74D42:37359195";
const SLOW: Duration = Duration::from_secs(2);

/// Behaviour of the server from now on.
#[derive(Clone, Copy)]
enum Behaviour {
    Well,
    /// Sends nothing for two seconds.
    Late,
    /// Sends the head at once and the body after two seconds.
    LateBody,
    Status(u16),
    /// Sends a body of this many bytes.
    Huge(usize),
    Nonsense,
}

/// Server for the range API, and the heads of the requests that it received.
struct RangeApi {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    behaviour: Arc<Mutex<Behaviour>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl RangeApi {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let behaviour = Arc::new(Mutex::new(Behaviour::Well));
        let (seen, current) = (heads.clone(), behaviour.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(respond(stream, seen.clone(), *current.lock().unwrap()));
            }
        });
        Self {
            url,
            heads,
            behaviour,
            accepting,
        }
    }

    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Returns the heads since the last call.
    fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }

    /// Ends the server: further connections are refused.
    async fn stop(&self) {
        self.accepting.abort();
        while !self.accepting.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

async fn respond(stream: TcpStream, seen: Arc<Mutex<Vec<String>>>, behaviour: Behaviour) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    // The final empty line has two bytes.
    while stream.read_line(&mut head).await.unwrap() > 2 {}
    seen.lock().unwrap().push(head);
    let (status, body) = match behaviour {
        Behaviour::Status(status) => (status, RANGE.to_owned()),
        Behaviour::Huge(bytes) => (200, "x".repeat(bytes)),
        Behaviour::Nonsense => (200, "<html>Sign in to this network</html>".to_owned()),
        Behaviour::Well | Behaviour::Late | Behaviour::LateBody => (200, RANGE.to_owned()),
    };
    if matches!(behaviour, Behaviour::Late) {
        tokio::time::sleep(SLOW).await;
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // The app may have closed the connection by now.
    let _ = stream.write_all(head.as_bytes()).await;
    if matches!(behaviour, Behaviour::LateBody) {
        tokio::time::sleep(SLOW).await;
    }
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn with_password(password: &str) -> Value {
    new_user_with("password", password)
}

async fn create(stack: &Stack, password: &str) -> Reply {
    stack.client.create(&with_password(password)).await
}

async fn count_users(stack: &Stack) -> i64 {
    let database = stack.database().await;
    let row = database
        .query_one("SELECT count(*) FROM users WHERE role = 'user'", &[])
        .await;
    row.unwrap().get(0)
}

/// Returns the log lines about passwords that were not checked.
fn warnings(stack: &Stack) -> Vec<Value> {
    let lines = stack.log_lines().into_iter();
    let about = |line: &Value| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains("was accepted without the breach check"))
    };
    lines.filter(about).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breached_password_is_rejected_and_only_its_prefix_sent() {
    let api = RangeApi::start().await;
    let stack = Stack::start_with(&[("breach_check_url", &api.url)]).await;

    let refused = create(&stack, BREACHED).await.expect(422);
    let error = &refused.json()["errors"][0];
    assert_eq!(error["pointer"], "#/password");
    assert_eq!(
        error["detail"],
        "appears in known data breaches; choose another"
    );
    assert_eq!(count_users(&stack).await, 0);
    let heads = api.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    let head = heads[0].to_ascii_lowercase();
    assert!(head.starts_with("get /range/abf7a http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nadd-padding: true\r\n"), "{head}");
    assert!(!head.contains("ad643"), "more of the hash left: {head}");

    create(&stack, UNKNOWN).await.expect(201);
    let heads = api.heads();
    assert!(heads[0].starts_with("GET /range/83A3D HTTP/1.1\r\n"));
    assert_eq!(count_users(&stack).await, 1);

    // Without a password no request is sent.
    stack.client.create(&new_user()).await.expect(201);
    assert_eq!(api.heads(), Vec::<String>::new());
    assert_eq!(warnings(&stack), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_breach_service_blocks_no_password() {
    let api = RangeApi::start().await;
    let stack = Stack::start_with(&[("breach_check_url", &api.url)]).await;
    for (behaviour, reason) in [
        (Behaviour::Late, "no response within 500ms"),
        (Behaviour::LateBody, "no response within 500ms"),
        (Behaviour::Status(503), "status 503"),
        (Behaviour::Status(302), "status 302"),
        (Behaviour::Huge(300_000), "length limit exceeded"),
        (Behaviour::Nonsense, "not a list of hashes"),
    ] {
        api.behave(behaviour);
        let before = warnings(&stack).len();
        let begun = Instant::now();
        create(&stack, BREACHED).await.expect(201);
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(1_300), "{reason}: {took:?}");
        let warnings = warnings(&stack);
        assert_eq!(warnings.len(), before + 1, "{reason}");
        let line = &warnings[before];
        assert_eq!(line["level"], "warn");
        assert!(
            line["message"].as_str().unwrap().contains(reason),
            "{reason}: {line}"
        );
        assert!(!line.to_string().contains("ABF7A"), "{line}");
    }

    // An abandoned request does not block the next one.
    api.behave(Behaviour::Well);
    create(&stack, BREACHED).await.expect(422);

    api.stop().await;
    let before = warnings(&stack).len();
    create(&stack, BREACHED).await.expect(201);
    assert_eq!(warnings(&stack).len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_request_is_replayed_after_the_service_recovers() {
    let api = RangeApi::start().await;
    let stack = Stack::start_with(&[("breach_check_url", &api.url)]).await;
    let body = with_password(BREACHED);
    let send = async || {
        let client = &stack.client;
        let post = client.request(reqwest::Method::POST, blackbox::client::USERS);
        client
            .send(post.header("idempotency-key", "once").json(&body))
            .await
    };
    api.behave(Behaviour::Status(503));
    let first = send().await.expect(201).json();
    api.behave(Behaviour::Well);
    assert_eq!(send().await.expect(201).json(), first);
    create(&stack, BREACHED).await.expect(422);
}

/// Without a server no request is sent: the host logs a line about each request that it denies.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_is_off_by_default() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let default = manifest["variables"]["breach_check_url"]["default"].as_str();
    assert_eq!(default, Some(""));
    let stack = Stack::start_with(&[("breach_check_url", "")]).await;
    create(&stack, BREACHED).await.expect(201);
    assert_eq!(warnings(&stack), Vec::<Value>::new());
    assert!(!stack.log().contains("may not reach"), "{}", stack.log());
}

/// Hosts accept a wildcard, so the app must reject it.
#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_url_is_rejected() {
    let wide = [("breach_check_url", "https://*.example.com")];
    let stack = Stack::start_signed_out(&wide).await.unwrap();
    create(&stack, UNKNOWN).await.expect(500);
    let named = |line: &Value| {
        line["error"]
            .as_str()
            .is_some_and(|error| error.contains("variable breach_check_url: must be"))
    };
    assert!(stack.log_lines().iter().any(named), "{}", stack.log());
}
