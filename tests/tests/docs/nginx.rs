//! Services behind a real nginx: forward authentication by examples/nginx, and introspection by examples/axum.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use blackbox::artifact::root;
use blackbox::service_account::ServiceAccount;
use blackbox::stack::eventually;
use blackbox::{Client, Person};
use devservices::Process;
use reqwest::Method;

use crate::service::{START_LIMIT, Service, send_with};
use crate::services::{Api, axum};

/// Servers beside the example: the service behind it, which returns the headers that it received, and a proxy of a service
/// that introspects. nginx cannot choose a free port: all of them listen on Unix sockets.
const OTHERS: &str = r#"
server {
    listen unix:FOLDER/echo.sock;
    location / { return 200 "$http_x_user_id $http_x_user_role $http_x_session_id"; }
}
server {
    listen unix:FOLDER/introspecting.sock;
    location / { proxy_pass SERVICE; }
}
"#;

/// A running nginx in a folder. Dropping it stops it.
struct Nginx {
    folder: PathBuf,
    _process: Process,
}

impl Nginx {
    /// Starts the example for the app, and a proxy of `service`.
    async fn start(app: &str, service: &Service, folder: &Path) -> Self {
        let path = folder.join("nginx.conf");
        fs::write(&path, configuration(app, service, folder)).expect("nginx.conf");
        let mut nginx = Command::new(devservices::nginx().expect("nginx"));
        nginx.arg("-p").arg(folder).arg("-c").arg(&path);
        let nginx = Self {
            folder: folder.to_owned(),
            _process: Process::spawn(&mut nginx, Duration::from_secs(5)).expect("nginx"),
        };
        let is_ready = async || nginx.orders(None).await.is_ok();
        eventually(START_LIMIT, "nginx", is_ready).await;
        nginx
    }

    /// Calls the service behind the example, for which nginx lets Roster verify the token.
    async fn orders(&self, token: Option<&str>) -> reqwest::Result<(u16, String)> {
        let socket = self.folder.join("nginx.sock");
        send(&socket, Method::GET, "/orders?page=2", token).await
    }

    /// Calls the service that introspects the token.
    async fn introspecting(&self, token: Option<&str>) -> reqwest::Result<(u16, String)> {
        let socket = self.folder.join("introspecting.sock");
        send(&socket, Method::POST, "/orders", token).await
    }
}

fn configuration(app: &str, service: &Service, folder: &Path) -> String {
    let folder = folder.display().to_string();
    let app = app.trim_start_matches("http://");
    let path = root().join("examples/nginx/orders.conf");
    let mut example = fs::read_to_string(path).expect("the example");
    for (of_the_example, here) in [
        ("server api.example.com:443;", format!("server {app};")),
        ("https://roster/", "http://roster/".to_owned()),
        ("listen 8083;", format!("listen unix:{folder}/nginx.sock;")),
        (
            "http://127.0.0.1:8084",
            format!("http://unix:{folder}/echo.sock"),
        ),
    ] {
        assert!(example.contains(of_the_example), "{of_the_example}");
        example = example.replace(of_the_example, &here);
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .collect();
    let others = OTHERS
        .replace("FOLDER", &folder)
        .replace("SERVICE", &service.url);
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{example}{others}}}\n"
    )
}

/// Returns the status and the body of a request through nginx.
async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    token: Option<&str>,
) -> reqwest::Result<(u16, String)> {
    let url = format!("http://orders.example.com{path}");
    let http = roster_client::http(&url).expect("a URL");
    send_with(http.unix_socket(socket), method, &url, token).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_refuses_a_signed_out_user_at_once() {
    let client = Client::from_env().await;
    let (ada, eve) = (
        Person::create(&client).await,
        Person::create_admin(&client).await,
    );
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let account = ServiceAccount::create(&client, &["tokens:introspect"]).await;
    let api = Api {
        url: client.base(),
        key: account.client.token(),
    };
    let service = axum(&api, folder).await;
    let nginx = Nginx::start(client.base(), &service, folder).await;

    for (person, role) in [(&ada, "user"), (&eve, "admin")] {
        let token = Some(person.client.token());
        let verified = format!("{} {role} {}", person.id, person.session_id());
        assert_eq!(nginx.orders(token).await.unwrap(), (200, verified));
        let introspected = format!(r#"{{"user":"{}"}}"#, person.id);
        let reply = nginx.introspecting(token).await.unwrap();
        assert_eq!(reply, (200, introspected));
    }
    ada.client.logout().await.expect(204);
    client.deactivate(&eve.id).await;
    for token in [
        Some(ada.client.token()),
        Some(eve.client.token()),
        Some("none"),
        None,
    ] {
        assert_eq!(nginx.orders(token).await.unwrap().0, 401, "{token:?}");
        let (status, _) = nginx.introspecting(token).await.unwrap();
        assert_eq!(status, 401, "{token:?}");
    }
}
